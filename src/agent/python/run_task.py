"""Runs the task of a program: from here on this interpreter is the user's. It runs in programs."""

import builtins
import os
import sys
from _frozen_importlib_external import SourceFileLoader

from .agent_socket import agent_socket
from .cells import serve_cells
from .guarded_code import compile_guarded, take_outcome
from .interpreter_exit import leave
from .outermost import add_code
from .run import run
from .tracebacks import print_error
from .variables import apply_variables, search_path


def new_module(name):
    module = type(sys)(name)
    module.__builtins__ = builtins
    if sys.version_info < (3, 14):
        module.__annotations__ = {}
    return module


def run_task(task):
    """Returns only if the next steps run the code, and end the process."""
    status = start(task)  # at the end, the agent must not refer to the user's module
    if status is not None:
        leave(status)


def start(task):
    """Returns the exit code of the user's code, or `None` if it is to run as a step."""
    try:
        main = set_up(task)
    except OSError as error:
        print_error(error, '')
        return 1
    if task.get('context'):
        return serve_cells(main.__dict__)
    file = agent_socket.receive_task()  # it is written now
    if task['call']:
        main = sys.modules['main'] = new_module('main')
    set_file(main, file, task['args'])
    return start_main(task, file, main.__dict__)


def set_up(task):
    """Applies the variables and the folder of the task, and returns its main module."""
    apply_variables(task['env'])
    main = new_module('__main__')
    # It becomes the last entry of sys.modules. The code of the user adds all entries after it.
    sys.modules.pop('__main__', None)
    sys.modules['__main__'] = main
    os.chdir(task['cwd'])
    folders = (folder for folder in search_path() if folder not in sys.path)
    sys.path[:0] = [task['cwd'], *folders]
    return main


def set_file(module, file, arguments):
    sys.argv = [file, *arguments]
    module.__file__, module.__cached__ = file, None
    module.__loader__ = SourceFileLoader(module.__name__, file)


def start_main(task, file, names):
    code = None if task['call'] else compile_guarded(task['code'], file)
    if code is None:
        return run(task, file, names)
    kept = [names]
    add_code(code, names, lambda: leave(run(task, file, kept.pop(), take_outcome)))
    return None
