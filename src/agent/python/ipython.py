"""Lets programs import `IPython.display`. It works in programs.

If the image has no IPython, programs get a small module with the same names, which has no shell. If
the image has IPython, it displays values by our `display`: without a shell, it would print them.
"""

import sys
from _frozen_importlib import ModuleSpec

from .display_objects import display_as, display_objects
from .import_hook import ImportHook

PACKAGES = ('IPython', 'IPython.core')
DISPLAY_MODULES = ('IPython.display', 'IPython.core.display', 'IPython.core.display_functions')
MIME_TYPES = {
    'pretty': 'text/plain',
    'html': 'text/html',
    'markdown': 'text/markdown',
    'svg': 'image/svg+xml',
    'png': 'image/png',
    'jpeg': 'image/jpeg',
    'latex': 'text/latex',
    'json': 'application/json',
    'javascript': 'application/javascript',
}


class IPythonFinder:
    """The last finder of modules: it is asked only if the image has no such module."""

    def __init__(self, display):
        self.display, self.names = display, None

    def find_spec(self, name, path=None, target=None):
        if name in PACKAGES or name in DISPLAY_MODULES or name == 'IPython.core.getipython':
            loader = getattr(sys.modules.get('IPython'), '__loader__', None)
            if name == 'IPython' or isinstance(loader, IPythonLoader):
                return ModuleSpec(name, IPythonLoader(self), is_package=name in PACKAGES)
        return None

    def names_of(self, module_name):
        if module_name == 'IPython':
            __import__('IPython.display')
        if module_name not in DISPLAY_MODULES:
            return {'get_ipython': get_ipython, '__version__': '8.0.0', 'version_info': (8, 0, 0)}
        if self.names is None:
            self.names = display_objects(self.display)
            for name, mime in MIME_TYPES.items():
                self.names['display_' + name] = display_as(self.display, mime)
            for name, value in self.names.items():
                if value is not self.display:
                    value.__module__, value.__qualname__ = 'IPython.core.display', name
        return self.names


class IPythonLoader:
    def __init__(self, finder):
        self.finder = finder

    def create_module(self, spec):
        """Returns None: the module is an ordinary one."""

    def exec_module(self, module):
        module.__dict__.update(self.finder.names_of(module.__name__))


def get_ipython():
    """Returns None: there is no shell. Libraries then take this for a plain Python."""


def install_ipython(display):
    sys.meta_path.append(IPythonFinder(display))

    def use_display(_module):
        own = display_objects(display)
        for name in DISPLAY_MODULES:
            module = sys.modules.get(name)
            for function in ('display', 'publish_display_data', 'clear_output'):
                if hasattr(module, function):
                    setattr(module, function, own[function])

    def use_text_bars(notebook):
        """Gives `tqdm.notebook` the bars of the terminal: a widget needs a notebook."""
        notebook.tqdm = notebook.tqdm_notebook = notebook.std_tqdm
        notebook.trange = notebook.tnrange = lambda *args, **options: notebook.tqdm(
            range(*args), **options
        )

    ImportHook('IPython.core.display_functions', use_display)
    ImportHook('tqdm.notebook', use_text_bars)
