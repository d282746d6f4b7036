"""Changes a module of the library when a program imports it.

The agent installs the hooks; they work in programs.
"""

import sys


class ImportHook:
    def __init__(self, name, prepare):
        self.name, self.prepare = name, prepare
        if name in sys.modules:
            prepare(sys.modules[name])
        else:
            sys.meta_path.insert(0, self)

    def find_spec(self, name, path=None, target=None):
        if name != self.name:
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target)
            if spec:
                load = spec.loader.exec_module

                def load_and_prepare(module):
                    load(module)
                    self.prepare(module)

                spec.loader.exec_module = load_and_prepare
                return spec
        return None
