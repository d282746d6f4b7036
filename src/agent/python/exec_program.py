"""Turns a spare into another program, for the operation `exec`. It runs in the spare, as nobody."""

import _signal
import errno
import os
import warnings  # noqa: F401  os.execvpe imports it, a spare has no time for that

from .socket_messages import EXEC_FAILED, LENGTH
from .system_calls import write_all


def execute_program(task):
    """Does not return."""
    for ignored in (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(ignored, _signal.SIG_DFL)
    argv, env = task['args'], {**os.environ, **task['env']}
    try:
        os.chdir(task['cwd'])
        os.execvpe(argv[0], argv, env)
    except OSError as error:
        path = task['cwd'] if error.filename == task['cwd'] else argv[0]
        write_all(3, EXEC_FAILED + LENGTH.pack(0))
        os.write(2, os.fsencode('%s: %s\n' % (path, error.strerror)))
        os._exit(127 if error.errno == errno.ENOENT else 126)
