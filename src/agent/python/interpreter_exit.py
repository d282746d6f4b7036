"""Ends a program's process with the exit code that Python has. It runs in programs."""

import atexit
import os
import sys

from .tracebacks import print_error


def exit_status(code):
    """Returns the exit code for the argument of `sys.exit`."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF if -(2**63) <= code < 2**63 else 255
    print(code, file=sys.stderr)
    return 1


def leave(status, names):
    """Ends the process as an interpreter does, except for the slow removal of its modules."""
    try:
        if 'threading' in sys.modules:
            sys.modules['threading']._shutdown()
        atexit._run_exitfuncs()
        for name in [name for name in names if not name.startswith('__')]:
            names[name] = None
        for stream in (sys.stdout, sys.stderr):
            if stream and not getattr(stream, 'closed', False):
                stream.flush()
    except BaseException as error:
        status = status or 120
        print_error(error, '')
    finally:
        os._exit(status)
