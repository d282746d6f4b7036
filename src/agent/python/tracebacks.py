# Errors of the user as Python prints them

import sys


def print_error(error, file):
    """As Python does, from the user's first frame on: that is what it gives."""
    trace = error.__traceback__
    while trace and trace.tb_frame.f_code.co_filename != file:
        trace = trace.tb_next
    own = [] if sys.excepthook is sys.__excepthook__ else [sys.excepthook]
    for hook in (*own, print_exception, sys.__excepthook__):
        try:
            hook(type(error), error, trace)
            break
        except Exception:
            continue  # the user's has failed, or stderr is closed, or nothing can be imported any more
    return trace


def print_exception(*error):
    import traceback

    traceback.print_exception(*error)
