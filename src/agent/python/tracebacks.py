"""Prints errors of the user's code as Python does, without the agent's frames.

It works in programs.
"""

import sys
from io import StringIO

print_exception = sys.excepthook
# A class of the user may hide these attributes.
trace_of = BaseException.__traceback__.__get__
cause_of = BaseException.__cause__.__get__
context_of = BaseException.__context__.__get__

OURS = '<agent>'  # the file name in the code of these modules


def print_error(error, file):
    """Prints an error, from the first frame in the user's file on, and returns its text."""
    trace = trace_of(error)
    while trace and trace.tb_frame.f_code.co_filename != file:
        trace = trace.tb_next
    BaseException.with_traceback(error, without_ours(trace))
    for earlier in errors_before(error):
        BaseException.with_traceback(earlier, without_ours(trace_of(earlier)))
    text = text_of(error)
    remember(error)
    hook = getattr(sys, 'excepthook', sys.__excepthook__)
    printed = text if hook is sys.__excepthook__ else call_hook(hook, error, text)
    try:
        sys.stderr.write(printed)
        sys.stderr.flush()
    except Exception:
        pass  # it is closed
    return text


def call_hook(hook, error, text):
    """Calls the user's hook. Returns what is left to be printed, if the hook fails."""
    try:
        hook(type(error), error, trace_of(error))
        return ''
    except Exception as failure:
        BaseException.with_traceback(failure, failure.__traceback__.tb_next)
        if failure.__context__ is error:
            failure.__context__ = None
        parts = text_of(failure), text
        return 'Error in sys.excepthook:\n%s\nOriginal exception was:\n%s' % parts


def remember(error):
    """Sets the variables of `sys` for a debugger that is started after the error."""
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, trace_of(error)
    if sys.version_info >= (3, 12):
        sys.last_exc = error


def forget():
    """Removes these variables, because they keep the variables of functions alive."""
    for name in ('last_exc', 'last_type', 'last_value', 'last_traceback'):
        sys.__dict__.pop(name, None)


def errors_before(error):
    """Returns the errors that Python prints before this one."""
    found, known = [error], {id(error)}
    for each in found:
        for earlier in (cause_of(each), context_of(each)):
            if earlier is not None and id(earlier) not in known:
                found.append(earlier)
                known.add(id(earlier))
    return found[1:]


def without_ours(trace):
    """Removes the frames of functions of ours, which the user's code has called."""
    while trace and trace.tb_frame.f_code.co_filename == OURS:
        trace = trace.tb_next
    left = trace
    while left and left.tb_next:
        if left.tb_next.tb_frame.f_code.co_filename == OURS:
            left.tb_next = left.tb_next.tb_next
        else:
            left = left.tb_next
    return trace


def print_ignored(error, subject):
    """Prints an error that can only be ignored, without the frames of ours that led to it."""
    BaseException.with_traceback(error, without_ours(trace_of(error)))
    try:
        sys.stderr.write('Exception ignored in: %r\n%s' % (subject, text_of(error)))
    except BaseException:
        pass  # stderr is closed, or the subject cannot be shown


def text_of(error):
    """Returns what Python prints for an error."""
    stderr, sys.stderr = sys.stderr, StringIO()
    try:
        print_exception(type(error), error, trace_of(error))
        return sys.stderr.getvalue()
    except Exception:
        return '%s\n' % type(error).__name__  # perhaps no import works
    finally:
        sys.stderr = stderr
