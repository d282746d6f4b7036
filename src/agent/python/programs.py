"""The processes of programs: spares, and requests that wait for a process. Runs in the agent."""

import errno
import select
import time

from .config import PRELOAD
from .processes import IS_GVISOR
from .program import Program
from .protocol import DATA, SILENCE_S, WINDOW
from .zygote_client import ZygoteClient

SPARE_PAUSE_S = 0.02  # most leases have one run only: forking the next spare would slow that run
# When a process writes to memory that a fork shares, gVisor copies 2 MB around it. So a spare holds
# most of the preload as a copy, and programs need that memory while they run.
ONLY_BETWEEN_RUNS = bool(PRELOAD) and IS_GVISOR
CAUSES = {errno.EAGAIN: 'pids', errno.ENOMEM: 'oom'}  # why a fork fails


class WaitingRequest:
    """A request that waits for its process. It keeps the frames that come meanwhile."""

    def __init__(self, id, task, context=None):
        self.id, self.task, self.context = id, task, context
        self.frames, self.size = [], 0

    def take_frame(self, kind, payload):
        self.size += len(payload) - 1 if kind == DATA else 0
        if self.size > WINDOW:
            raise ValueError('the host sent more than its credit')
        self.frames.append((kind, payload))

    def end_overdue(self):
        return False


class Programs:
    def __init__(self, loop, requests, exit_causes, zygote_socket):
        self.loop, self.requests, self.exit_causes = loop, requests, exit_causes
        self.by_pid = {}
        self.spares, self.wanted_spares = [], 1
        self.next_spare_at = 0
        self.waiting = []
        self.started = 0
        self.zygote = ZygoteClient(self, zygote_socket)
        loop.watch(zygote_socket.fileno(), select.EPOLLIN, self.zygote.receive)

    def start(self, waiting):
        """Starts a request in a spare, or in the next process that the zygote forks."""
        self.started += 1
        if ONLY_BETWEEN_RUNS:
            self.wanted_spares = 0  # until a run has ended
        self.requests.open[waiting.id] = waiting
        self.waiting.append(waiting)
        if self.spares:
            self.serve_next(self.spares.pop(0))
        else:
            self.fork()

    def serve_next(self, program):
        waiting = self.waiting.pop(0)
        self.requests.open[waiting.id] = program
        program.start(waiting.id, waiting.task, waiting.context)
        for kind, payload in waiting.frames:
            self.requests.take_frame(kind, waiting.id, payload)
        self.next_spare_at = time.monotonic() + SPARE_PAUSE_S

    def are_running(self):
        return len(self.by_pid) > len(self.spares)

    # Forks

    def has_spares(self):
        return len(self.spares) >= self.wanted_spares

    def pause_s(self):
        """Returns how long the agent may sleep before the next spare is due."""
        if self.zygote.is_forking() or self.has_spares():
            return SILENCE_S
        return max(0, self.next_spare_at - time.monotonic())

    def fork_if_due(self):
        if not self.pause_s():
            self.fork()

    def fork(self):
        """Asks for one process at a time, while requests wait or a spare is due."""
        while not self.zygote.is_forking() and (self.waiting or not self.pause_s()):
            try:
                self.zygote.fork()
            except OSError as error:
                self.fork_failed(error)

    def forget_runs(self):
        """Makes the next spare due now, and the next run the first."""
        self.started = self.next_spare_at = 0

    # Reports of the zygote

    def forked(self, pid, pipes, socket):
        program = Program(self, pid, pipes, socket)
        self.by_pid[pid] = program
        if self.waiting:
            self.serve_next(program)
        else:
            self.spares.append(program)

    def fork_failed(self, error):
        if not self.waiting:
            self.wanted_spares = len(self.spares)  # until a run has ended
            return
        waiting = self.waiting.pop(0)
        if waiting.context:
            waiting.context.remove()
        cause = CAUSES.get(error.errno)
        if cause:
            self.requests.done(waiting.id, {'exitCode': None, 'signal': None, 'cause': cause})
        else:
            self.requests.fail(waiting.id, error)

    def ended(self, pid, status, usage):
        program = self.by_pid.pop(pid)
        if program in self.spares:
            self.spares.remove(program)
            return program.close()
        self.wanted_spares = 1
        if self.started > 1:
            self.next_spare_at = 0  # a lease with two runs is likely to have a third
        program.exited(status, usage)
        if status:
            self.zygote.want_common_imports()  # from Python 3.13 on, a traceback imports them
