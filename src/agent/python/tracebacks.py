"""Prints errors of the user's code as Python does, without the agent's frames.

It works in programs.
"""

import sys

OURS = '<agent>'  # the file name in the code of these modules


def print_error(error, file):
    """Prints an error, and returns its traceback from the first frame in the user's file on."""
    trace = error.__traceback__
    while trace and trace.tb_frame.f_code.co_filename != file:
        trace = trace.tb_next
    leave_out_ours(trace)
    own = [] if sys.excepthook is sys.__excepthook__ else [sys.excepthook]
    for hook in (*own, print_exception, sys.__excepthook__):
        try:
            hook(type(error), error, trace)
            break
        except Exception:
            continue  # the user's hook failed, stderr is closed, or no import works
    return trace


def leave_out_ours(trace):
    """Removes the frames of functions of ours that the user's code has called."""
    while trace and trace.tb_next:
        if trace.tb_next.tb_frame.f_code.co_filename == OURS:
            trace.tb_next = trace.tb_next.tb_next
        else:
            trace = trace.tb_next


def print_exception(*error):
    import traceback

    traceback.print_exception(*error)
