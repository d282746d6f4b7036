"""Modules of the user that hide modules of the library: `random.py` hides `random`.

Python looks in the folder of a program first, but not for a module that is imported already. It
runs in spares and programs.
"""

import os
import sys


def hides_imported_module(folder):
    """Returns whether a folder has a module with the name of one that is imported."""
    try:
        entries = os.listdir(folder)
    except OSError:
        return False  # the program reports it
    names = (entry[:-3] if entry.endswith('.py') else entry for entry in entries)
    imported = [name for name in names if name in sys.modules and name != '__main__']
    return any(has_module(folder, name) for name in imported)


def has_module(folder, name):
    path = os.path.join(folder, name)
    return os.path.isfile(path + '.py') or os.path.isfile(os.path.join(path, '__init__.py'))
