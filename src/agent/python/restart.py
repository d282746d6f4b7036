"""Gives a program a new interpreter, which reads the environment of the program at its start.

The process stays the same, with its descriptors. `restart` runs in the spare, `main` in the new
interpreter.
"""

import marshal
import os
import sys

from .agent_socket import agent_socket
from .display import install_display
from .interpreter_exit import leave
from .outermost import run_at_top
from .run_task import run_task
from .tracebacks import print_error

LOADER = """
import builtins, marshal, sys
if sys.path[:1] == ['']:
    del sys.path[0]
with open(%d, 'rb') as file:
    code, codes, *arguments = marshal.load(file)
type(lambda: 0)(code, globals())(codes, 'restart')(*arguments)
"""


def restart(task, bundle):
    """Does not return. `bundle` is the code of the function that imports modules, and these."""
    try:
        env = {**os.environ, **task['env']}
        file = os.memfd_create('bundle', 0)  # open in the new interpreter, too
        with open(file, 'wb', closefd=False) as writer:
            unread = bytes(agent_socket.buffer)
            writer.write(marshal.dumps((*bundle, {**task, 'env': {}}, unread)))
        os.lseek(file, 0, os.SEEK_SET)
        os.set_inheritable(3, True)
        try:
            os.chdir(task['cwd'])  # PYTHONPATH may be relative to it
        except OSError:
            pass  # the new interpreter reports it
        os.execve(sys.executable, [sys.executable, '-c', LOADER % file, *sys.argv[1:]], env)
    except Exception as error:
        print_error(error, '')
        leave(1)


def main(task, unread):
    os.set_inheritable(3, False)
    install_display()
    agent_socket.attach(unread)
    run_at_top(lambda: run_task(task))
