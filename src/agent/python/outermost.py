"""Runs code with no frame below its own. It runs in programs.

No frame is left when an error has reached the top of the interpreter. C calls `sys.excepthook`
then, which is a method of C here: it iterates over the type of the error, and so calls the steps.
Everything is made before the fork, because new types touch many pages of memory.
"""

import sys
from _collections import deque
from _functools import partial

from .tracebacks import forget

steps = deque()  # each is removed before it is called: at the end nothing refers to the code
call_steps = set().update  # a global, because C has no reference to it while it runs
unhook = partial(sys.settrace, None), partial(sys.setprofile, None)


class Steps(type):
    __iter__ = staticmethod(map(partial.__call__, iter(steps.popleft, None)).__iter__)


class AtTop(BaseException, metaclass=Steps):
    pass


def prepare(code, names, finish):
    """Makes steps of the code and of a function that ends the process."""
    forget = partial(forget_error, sys.excepthook)
    steps.extend((forget, partial(eval, code, names), *unhook, partial(finish)))


def rehearse(code, names):
    """Calls the steps here, to touch the memory pages that they touch."""
    prepare(code, names, steps.clear)
    try:
        call_steps(AtTop)
    except IndexError:
        pass  # there are no more steps


def forget_error(excepthook):
    """Removes the traces of the error that has reached the top."""
    sys.excepthook = excepthook
    forget()


def run_at_top():
    """Does not return. The variables of its callers exist as long as the process."""
    sys.excepthook = call_steps
    raise AtTop
