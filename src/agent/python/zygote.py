"""The zygote: the process that all programs are forked from. Its children become spares.

A fork takes time: under gVisor it stops its parent for 5 ms, and slows down the parent's next
access to each memory page. So the agent does not fork. The zygote imports the preload, and then
does nothing but fork. It has no user data, because it is forked before the first request. It is
root, so programs cannot harm it.
"""

import _signal
import _socket
import gc
import os
import select

from .common_imports import import_common_modules
from .descriptors import close_others, open_descriptors
from .json_codec import to_json
from .outermost import add_step, run_at_top
from .preload import PreloadError
from .protocol import CHUNK
from .spare import serve_task
from .zygote_messages import (
    CHILD_DESCRIPTORS,
    CHILD_ENDED,
    FORK_ANSWER,
    FORK_WITH_IMPORTS,
)


def start_zygote(prepare, run):
    """Forks the zygote, and returns the agent's end of its socket. Programs call `run` with a task.

    The zygote calls `prepare` before its own forks. The agent does not: it would hold the memory of
    the preload, too, and under gVisor that is a copy.
    """
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    if os.fork():
        theirs.close()
        return ours
    ours.close()
    # Before the preload: a module must not get descriptor 3, which is the socket of each child.
    os.dup2(theirs.detach(), 3, inheritable=False)
    try:
        kept = prepare()
    except PreloadError as error:
        os.write(3, to_json(error.args[0]))
        while os.read(3, CHUNK):  # an unread request would reset the connection
            pass
        os._exit(0)
    run_at_top(Zygote(kept, run).serve)


class Zygote:
    """The descriptors 0, 1 and 3 of the zygote are its socket.

    Under gVisor a program can open any file that the zygote has open, but no socket.
    """

    def __init__(self, kept, run):
        self.kept, self.run = kept, run
        close_others(kept, max(open_descriptors()))
        for number in (0, 1):
            os.dup2(3, number)
        self.socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, 3)
        self.wake, wake_up = os.pipe()
        os.set_blocking(wake_up, False)
        _signal.set_wakeup_fd(wake_up, warn_on_full_buffer=False)
        _signal.signal(_signal.SIGCHLD, lambda *_: None)
        self.highest, self.forks, self.has_common_modules = wake_up, 0, False

    def serve(self):
        """Forks on request. Returns in children only."""
        poll = select.poll()
        poll.register(self.wake, select.POLLIN)
        poll.register(3, select.POLLIN)
        while True:
            ready = [fd for fd, _ in poll.poll()]
            if self.wake in ready:
                self.reap()  # before the read, because the agent waits for it
                os.read(self.wake, CHUNK)
                self.reap()  # children that have ended before the read
            if 3 in ready:
                if self.fork() == 0:
                    return

    def reap(self):
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            cpu_ms = (usage.ru_utime + usage.ru_stime) * 1000
            self.send(CHILD_ENDED.pack(pid, status, cpu_ms, usage.ru_maxrss * 1024))

    def send(self, message):
        try:
            self.socket.send(message)
        except OSError:
            os._exit(0)  # the agent is gone

    def fork(self):
        """Returns 0 in the child."""
        request, given, *_ = self.socket.recvmsg(1, _socket.CMSG_SPACE(CHILD_DESCRIPTORS.size))
        if not request:
            os._exit(0)
        descriptors = CHILD_DESCRIPTORS.unpack(given[0][2])
        try:
            pid, number = os.fork(), 0
        except OSError as error:
            pid, number = None, error.errno
        if pid == 0:
            self.become_spare(descriptors)
            return pid
        self.send(FORK_ANSWER.pack(pid or 0, number))
        for fd in descriptors:
            os.close(fd)
        self.forks += 1
        _signal.raise_signal(_signal.SIGCHLD)  # touches what the end of a child touches
        if request == FORK_WITH_IMPORTS and not self.has_common_modules:
            self.has_common_modules = True
            import_common_modules()
            gc.freeze()  # the collections of children leave these alone, too
        return pid

    def become_spare(self, descriptors):
        """Closes the zygote's descriptors and handlers in the child, and has it wait for a task."""
        self.socket.detach()
        _signal.set_wakeup_fd(-1)
        _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
        for number, fd in enumerate(descriptors):
            os.dup2(fd, number, inheritable=number < 3)
        close_others(self.kept, max(self.highest, *descriptors))
        add_step(serve_task, self.kept, self.forks, self.run)
