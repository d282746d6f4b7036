"""Imports the modules that the host names, before the first program runs. It runs in the zygote."""

import _thread
import os
import sys

from .descriptors import open_descriptors
from .privileges import as_nobody

# The path at which an image may have matplotlib's font cache. Making a new one takes 0.1 s, and
# 0.5 s under gVisor.
FONTS = '/usr/share/hono-sandbox/matplotlib'
MATPLOTLIB = '/tmp/.matplotlib'


class PreloadError(Exception):
    """Its argument is the `failed` of the hello frame."""


def preload(names):
    """Imports modules as user nobody, and returns the descriptors that they leave open."""
    as_nobody(link_fonts)
    before = open_descriptors()
    # OpenBLAS and MKL read this name, too. Threads of theirs would not survive a fork.
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    for name in names:
        try:
            as_nobody(lambda: without_host_streams(lambda: __import__(name)))
            if _thread._count():
                raise RuntimeError('it left a thread running')
        except BaseException as error:
            raise PreloadError({'preload': name[:1000], 'message': one_line(error)})
    return sorted(open_descriptors() - before)


def link_fonts():
    try:
        os.mkdir(MATPLOTLIB)
        # matplotlib checks the rights of the real user, which is root during a preload
        os.chmod(MATPLOTLIB, 0o777)
        for name in os.listdir(FONTS):
            os.symlink('%s/%s' % (FONTS, name), '%s/%s' % (MATPLOTLIB, name))
    except OSError:
        pass  # matplotlib makes its own


def without_host_streams(action):
    """Calls a function whose stdin is empty, and whose stdout is stderr: the operator reads it."""
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


def reseed():
    """Seeds numpy's random numbers anew in a fork. The module `random` does that itself."""
    if 'numpy.random' in sys.modules:
        sys.modules['numpy.random'].seed()
