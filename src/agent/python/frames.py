"""hono-sandbox's agent for Python: PID 1 of the container, told what to do on its stdin.

Frames and limits are described in protocol.md. The standard library only; root with KILL, SETUID
and SETGID so that the programs, which are nobody, can reach neither it nor its streams. Where it
is not root itself, nothing is dropped and the rest works the same.
"""

import os
import struct
import sys

from .notation import from_json

# No `json`, `signal`, `enum`, `traceback`: what they import takes 8 of the 20 ms of processor that a
# new container's start costs. See usual.py for what programs have of it.

VERSION = 4
HELLO, REQUEST, DATA, EOF, CREDIT, SIGNAL, DONE, PING, STARTED = range(1, 10)
TO_KEEP = 11
STDIN, STDOUT, STDERR, RECORDS = range(4)
HEADER = struct.Struct('>BII')
LENGTH = struct.Struct('>I')
TURN_END = struct.Struct('>BQ')  # an exit code, microseconds of processor time
CHUNK = 65536
WINDOW = 4 * CHUNK
TAIL_LIMIT = 16 * CHUNK
MAX_FRAME = 16 * 1024 * 1024
MAX_RECORD = 4 * 1024 * 1024
SILENCE_S = 90
TURN_S = 0.005
SPARE_PAUSE_S = 0.02  # most leases have one run: the next spare would cost them for nothing

NOBODY = 65534
CONFIG = from_json(sys.argv[1]) if len(sys.argv) > 1 else {}
WORKSPACE = CONFIG.get('workspace', '/workspace')
CONTEXT_BYTES = CONFIG.get('contextBytes', 64 * 1024 * 1024)
PIDS = CONFIG.get('pids')
REFUSED = (
    b'Resource temporarily unavailable',
    b"can't start new thread",
    b'Cannot fork',
    b'EAGAIN',
)
COUNTERS = {
    'oom': ('oom_kill', '/sys/fs/cgroup/memory.events', '/sys/fs/cgroup/memory/memory.oom_control'),
    'pids': ('max', '/sys/fs/cgroup/pids.events', '/sys/fs/cgroup/pids/pids.events'),
}


def refusal(number):
    return OSError(number, os.strerror(number))


def write_all(fd, data):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
