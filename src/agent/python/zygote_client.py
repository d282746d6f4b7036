"""The agent's end of the zygote's socket: it asks for one process at a time. Runs in the agent."""

import _socket
import os

from .json_codec import from_json
from .preload import PreloadError
from .privileges import as_nobody
from .protocol import CHUNK
from .system_calls import close_all, os_error
from .zygote_messages import (
    CHILD_DESCRIPTORS,
    CHILD_ENDED,
    FORK,
    FORK_ANSWER,
    FORK_WITH_IMPORTS,
)


class ZygoteClient:
    def __init__(self, programs, socket):
        self.programs, self.socket = programs, socket
        self.request = FORK
        self.ends = None  # the agent's ends of the pipes and the socket of the child that is forked

    def is_forking(self):
        return self.ends is not None

    def fork(self):
        """Asks for a child with three pipes and a socket; `receive` gets the answer."""
        made = []
        try:
            # As nobody, because the program may open its /dev/stdout again.
            as_nobody(lambda: [made.extend(os.pipe()) for _ in range(3)])
            made += (end.detach() for end in _socket.socketpair())
            made.append(os.dup(made[6]))  # the loop watches reading and writing apart
            stdin, to_stdin, from_stdout, stdout, from_stderr, stderr, ours, theirs, writing = made
            given = CHILD_DESCRIPTORS.pack(stdin, stdout, stderr, theirs)
            rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, given)
            self.socket.sendmsg([self.request], [rights])
        except OSError:
            close_all(*made)
            raise
        close_all(stdin, stdout, stderr, theirs)
        self.ends = (to_stdin, from_stdout, from_stderr), (ours, writing)

    def want_common_imports(self):
        """Has the zygote import the common modules: the next programs are likely to need them.

        The others do without, because the modules make each fork slower by a tenth.
        """
        self.request = FORK_WITH_IMPORTS

    def receive(self):
        message = self.socket.recv(CHUNK)
        if len(message) == FORK_ANSWER.size:
            return self.forked(*FORK_ANSWER.unpack(message))
        if not message:
            os._exit(1)  # the zygote is gone: the container can run no more programs
        if message[:1] == b'{':
            raise PreloadError(from_json(message))
        pid, status, cpu_ms, max_rss = CHILD_ENDED.unpack(message)
        self.programs.ended(pid, status, {'cpuMs': cpu_ms, 'maxRssBytes': max_rss})

    def forked(self, pid, number):
        (pipes, socket), self.ends = self.ends, None
        if pid:
            self.programs.forked(pid, pipes, socket)
        else:
            close_all(*pipes, *socket)
            self.programs.fork_failed(os_error(number))
        self.programs.fork()
