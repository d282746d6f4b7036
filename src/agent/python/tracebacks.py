"""Prints errors of the user's code as Python does, without the agent's frames.

It works in programs.
"""

import sys
from io import StringIO

print_exception = sys.excepthook

OURS = '<agent>'  # the file name in the code of these modules


def print_error(error, file):
    """Prints an error, from the first frame in the user's file on, and returns its text."""
    trace = BaseException.__traceback__.__get__(error)
    while trace and trace.tb_frame.f_code.co_filename != file:
        trace = trace.tb_next
    leave_out_ours(trace)
    BaseException.with_traceback(error, trace)
    text = text_of(error)
    try:
        if sys.excepthook is not sys.__excepthook__:
            sys.excepthook(type(error), error, trace)
            return text
    except Exception:
        pass  # the user's hook failed
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except Exception:
        pass  # it is closed
    return text


def leave_out_ours(trace):
    """Removes the frames of functions of ours that the user's code has called."""
    while trace and trace.tb_next:
        if trace.tb_next.tb_frame.f_code.co_filename == OURS:
            trace.tb_next = trace.tb_next.tb_next
        else:
            trace = trace.tb_next


def print_ignored(error, subject):
    """Prints an error that can only be ignored, without the frame that has caught it."""
    error = BaseException.with_traceback(error, error.__traceback__.tb_next)
    try:
        sys.stderr.write('Exception ignored in: %r\n%s' % (subject, text_of(error)))
    except BaseException:
        pass  # stderr is closed, or the subject cannot be shown


def text_of(error):
    """Returns what Python prints for an error."""
    stderr, sys.stderr = sys.stderr, StringIO()
    try:
        print_exception(type(error), error, error.__traceback__)
        return sys.stderr.getvalue()
    except Exception:
        return '%s\n' % type(error).__name__  # perhaps no import works
    finally:
        sys.stderr = stderr
