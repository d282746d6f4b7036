"""Runs steps with no frame below theirs: first those of the zygote, in its forks those of programs.

No frame is left when an error has reached the top of the interpreter. C calls `sys.excepthook`
then, which is a method of C here: it iterates over the type of the error, and so calls the steps.
The zygote does this before it forks: in a program it would touch many pages of memory.
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


def run_at_top(step):
    """Calls a function at the top, and then the steps that it has added. Does not return.

    The variables of the callers exist as long as the process.
    """
    steps.extend((partial(forget_error, sys.excepthook), partial(step)))
    sys.excepthook = call_steps
    raise AtTop


def forget_error(excepthook):
    """Removes the traces of the error that has reached the top."""
    sys.excepthook = excepthook
    forget()


def add_step(function, *arguments):
    """Has a function called when the last step has ended. It must return None."""
    steps.append(partial(function, *arguments))


def add_code(code, names, finish):
    """Makes steps of the code and of a function that ends the process."""
    steps.extend((partial(eval, code, names), *unhook, partial(finish)))


def rehearse(code, names):
    """Calls the steps of code here, to touch the memory pages that they touch."""
    add_code(code, names, steps.clear)
    try:
        call_steps(AtTop)
    except IndexError:
        pass  # there are no more steps
