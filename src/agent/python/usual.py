# Modules of the library that programs import more often than not, and that the agent can do without

import io
import sys

USUAL = ('re', 'enum', 'json', 'traceback', 'signal', 'random', 'datetime', 'collections')


def import_usual():
    for name in USUAL:
        __import__(name)


class WhenImported:
    """Does something to a module as soon as it is there, which may be never."""

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


class Sources:
    """The lines of what is in no file, where tracebacks and `inspect` look for them."""

    def __init__(self):
        self.lines, self.cache = {}, None
        WhenImported('linecache', self.fill)

    def fill(self, linecache):
        self.cache = linecache.cache
        self.cache.update(self.lines)

    def keep(self, file, code):
        entry = (len(code), None, io.StringIO(code, None).readlines(), file)
        self.lines[file] = entry
        if self.cache is not None:
            self.cache[file] = entry


sources = Sources()
