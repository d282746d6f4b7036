"""Runs the task of a program: from here on this interpreter is the user's. It runs in programs."""

import builtins
import os
import sys

from .cells import serve_cells
from .interpreter_exit import leave
from .run import run
from .tracebacks import print_error
from .variables import apply_variables, search_path


def new_module(name):
    module = type(sys)(name)
    module.__builtins__ = builtins
    return module


def run_task(task):
    """Does not return."""
    apply_variables(task['env'])
    main = new_module('__main__')
    sys.modules['__main__'] = main
    try:
        os.chdir(task['cwd'])
    except OSError as error:
        print_error(error, '')
        leave(1, {})
    folders = (folder for folder in search_path() if folder not in sys.path)
    sys.path[:0] = [task['cwd'], *folders]
    if task.get('context'):
        serve_cells(task['cwd'], main.__dict__)
    file = os.path.join(task['cwd'], 'main.py')
    sys.argv = [file, *task['args']]
    if task['call']:
        main = sys.modules['main'] = new_module('main')
    main.__file__ = file
    leave(run(task, file, main.__dict__), main.__dict__)
