"""The environment variables that Python and its libraries read when they start.

Some of them are applied to the warm interpreter. For the others a program needs a new one. It runs
in spares and programs.
"""

import os
import sys
import time

# How the names begin that Python, the C library and the dynamic linker read at the start, and the
# names that libraries read when they are imported
OF_PYTHON, OF_SYSTEM = 'PYTHON', ('LD_', 'MALLOC_', 'GLIBC_TUNABLES')
OF_LIBRARIES = ('MPL', 'OMP_', 'OPENBLAS_', 'MKL_', 'NUMEXPR_')
LIVE = {'PYTHONPATH', 'PYTHONDONTWRITEBYTECODE', 'PYTHONUNBUFFERED', 'PYTHONSTARTUP'}


def need_new_interpreter(variables, has_preload):
    """Returns whether one of the variables would have no effect in this interpreter."""
    others = OF_SYSTEM + OF_LIBRARIES if has_preload else OF_SYSTEM
    for name, value in variables.items():
        if name.startswith(OF_PYTHON):
            # The agent ignores those of the image, so the same value has no effect either.
            if value and name not in LIVE:
                return True
        elif name.startswith(others) and value != os.environ.get(name, ''):
            return True
    return False


def apply_variables(variables):
    """Sets the variables. Those that Python has read at its start take effect, too."""
    os.environ.update(variables)
    if 'HOME' in variables:
        forget_home()
    if 'TZ' in variables:
        time.tzset()
    if not variables.keys().isdisjoint(('LC_ALL', 'LC_CTYPE', 'LANG')):
        set_character_type()
    if os.environ.get('PYTHONDONTWRITEBYTECODE'):
        sys.dont_write_bytecode = True


def forget_home():
    """Lets `site` compute the folders of the user again."""
    site = sys.modules.get('site')
    if site:
        site.USER_BASE = site.USER_SITE = None


def set_character_type():
    import _locale

    try:
        _locale.setlocale(_locale.LC_CTYPE, '')
    except _locale.Error:
        pass  # the image does not have this locale


def search_path():
    """Returns the folders of PYTHONPATH, which may be relative to the working directory."""
    variable = os.environ.get('PYTHONPATH')
    return [os.path.abspath(folder) for folder in variable.split(os.pathsep)] if variable else []
