"""Small additions to the system calls of `os`. All processes use them."""

import os


def os_error(number):
    """Returns the error of an errno, with the system's message."""
    return OSError(number, os.strerror(number))


def c_function(name):
    """Returns a function of the C library. Called once: a spare has no time to load ctypes."""
    try:
        import _ctypes

        function = _ctypes.dlsym(_ctypes.dlopen(None, 0), name)
        return lambda *arguments: _ctypes.call_function(function, arguments)
    except Exception:
        return lambda *_: None


def write_all(fd, data):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def close_all(*fds):
    for fd in fds:
        os.close(fd)
