"""Reads an open file. It runs in the agent."""

import os
import stat

from .protocol import CHUNK


def contents(fd, offset=0, left=None):
    yield describe(os.fstat(fd))
    while left is None or left > 0:
        data = os.pread(fd, CHUNK if left is None else min(CHUNK, left), offset)
        if not data:
            break
        offset += len(data)
        left = left and left - len(data)
        yield data


def describe(info):
    mode = stat.S_IMODE(info.st_mode)
    return {'size': info.st_size, 'mtimeMs': info.st_mtime_ns / 1e6, 'mode': mode}
