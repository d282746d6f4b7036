"""Small additions to the system calls of `os`. All processes use them."""

import os


def os_error(number):
    """Returns the error of an errno, with the system's message."""
    return OSError(number, os.strerror(number))


def write_all(fd, data):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def close_all(*fds):
    for fd in fds:
        os.close(fd)
