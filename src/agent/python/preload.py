# What is imported before the first fork, and what a fork must do about it

import _thread
import os
import stat
import sys

from .identity import as_nobody

# An image may bring matplotlib's font cache: to make it takes 0.1 s, under gVisor 0.5 s.
FONTS = '/usr/share/hono-sandbox/matplotlib'
MATPLOTLIB = '/tmp/.matplotlib'


def link_fonts():
    try:
        os.mkdir(MATPLOTLIB)
        os.chmod(MATPLOTLIB, 0o777)  # it asks for rights by the real user, who is root in a preload
        for name in os.listdir(FONTS):
            os.symlink('%s/%s' % (FONTS, name), '%s/%s' % (MATPLOTLIB, name))
    except OSError:
        pass  # it makes its own


def preload(modules):
    """Imports them with nobody's rights; gives the descriptors they leave open, or a Failure."""
    as_nobody(link_fonts)
    before = descriptors()
    for name in ('OPENBLAS', 'OMP', 'MKL'):  # their threads would not survive a fork
        os.environ.setdefault(name + '_NUM_THREADS', '1')
    for name in modules:
        try:
            as_nobody(lambda: aside(lambda: __import__(name)))
            if _thread._count():
                raise RuntimeError('it left a thread running')
        except BaseException as error:
            raise Failure({'preload': name[:1000], 'message': one_line(error)})
    return sorted(descriptors() - before)


class Failure(Exception):
    pass


def aside(action):
    """What it prints is the operator's to read, and it reads nothing: 0 and 1 are the host's."""
    saved = [os.dup(0), os.dup(1)]
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        action()
    finally:
        for number, fd in enumerate(saved):
            os.dup2(fd, number)
            os.close(fd)


def one_line(error):
    import traceback

    return ' '.join(''.join(traceback.format_exception_only(type(error), error)).split())[:1000]


def descriptors():
    folder = os.open('/proc/self/fd', os.O_RDONLY)
    try:
        return {int(name) for name in os.listdir(folder)} - {folder}
    finally:
        os.close(folder)


def close_others(kept, last):
    """All from 4 on but those; a child has its own place in the files among them."""
    first = 4
    for fd in (*kept, last + 1):
        os.closerange(first, fd)
        first = fd + 1


def reopen(kept):
    for fd in kept:
        try:
            if stat.S_ISREG(os.fstat(fd).st_mode):
                import fcntl

                flags = fcntl.fcntl(fd, fcntl.F_GETFL) & ~(os.O_CREAT | os.O_EXCL | os.O_TRUNC)
                own = os.open('/proc/self/fd/%d' % fd, flags)
                os.lseek(own, os.lseek(fd, 0, os.SEEK_CUR), os.SEEK_SET)
                os.dup2(own, fd, os.get_inheritable(fd))
                os.close(own)
        except OSError:
            continue  # the module closed it, or may not open it anew


def reseed():
    """A fork begins with our numbers; `random` itself sees to its own."""
    if 'numpy.random' in sys.modules:
        sys.modules['numpy.random'].seed()
