"""Runs code with no frame below its own. It runs in programs.

No frame is left when an error has reached the top of the interpreter. C calls `sys.excepthook`
then, which is a method of C here: it iterates over the type of the error, and so calls the steps.
"""

import sys
from _collections import deque
from _functools import partial

call_steps = set().update  # a global, because C has no reference to it while it runs


def steps_for(code, names, finish):
    """Returns an iterator that calls the code, and then a function that must end the process.

    It refers to each step until it calls it: at the end nothing refers to the names of the code.
    """
    forget = partial(forget_error, sys.excepthook)
    hooks = partial(sys.settrace, None), partial(sys.setprofile, None)
    steps = deque((forget, partial(eval, code, names), *hooks, partial(finish)))
    return map(partial.__call__, iter(steps.popleft, None))


def forget_error(excepthook):
    """Removes the traces of the error that has reached the top."""
    sys.excepthook = excepthook
    for name in ('last_exc', 'last_type', 'last_value', 'last_traceback'):
        sys.__dict__.pop(name, None)


def run_at_top(steps):
    """Does not return. The variables of its callers exist as long as the process."""

    class Steps(type):
        __iter__ = staticmethod(steps.__iter__)

    sys.excepthook = call_steps
    raise Steps('Steps', (BaseException,), {})
