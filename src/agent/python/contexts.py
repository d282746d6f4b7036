import _signal as signal
import errno
import os

from .frames import CONTEXT_BYTES, STARTED, refusal
from .notation import as_json


class Context:
    """A program that stays for one run after the other; they have its pipes in turn."""

    def __init__(self, agent, name, id):
        self.agent, self.name, self.id = agent, name, id
        self.program = self.base = None
        self.is_evicted = False

    def take(self, program):
        self.program, program.context, program.awaits = program, self, b'y'

    def run(self, id, job):
        if not self.program or self.program.awaits:
            raise refusal(errno.EBUSY)
        self.program.id, self.program.awaits = id, b'e'
        self.agent.jobs[id] = self.program
        self.program.give(job)
        self.program.open()

    def opened(self):
        self.program.inlet.close()
        self.base = own_bytes(self.program.pid)
        self.agent.send(STARTED, self.id, as_json({'pid': self.program.pid}))
        self.idle()

    def idle(self):
        self.program.awaits = b''
        for outlet in self.program.outlets:
            outlet.pause()
        contexts = self.agent.contexts
        contexts[self.name] = contexts.pop(self.name)  # it has been idle for the shortest time
        bound([one for one in contexts.values() if one.base is not None and not one.is_busy()])

    def is_busy(self):
        return self.is_evicted or self.program.awaits

    def evict(self):
        self.is_evicted = True
        self.program.signal(signal.SIGKILL)

    def closed(self, exit):
        del self.agent.contexts[self.name]
        if self.is_evicted:
            exit['cause'] = 'oom'
        self.agent.done(self.id, exit)


def bound(idle):
    """But for the last, they may hold so much together: else who has been idle longest goes."""
    older = idle[:-1]
    sizes = [own_bytes(one.program.pid) - one.base for one in older]
    while sum(sizes) > CONTEXT_BYTES:
        older.pop(0).evict()
        sizes.pop(0)


def own_bytes(pid):
    """What a process shares with no file. What it shares with us, as a fork, is in there."""
    try:
        with open('/proc/%d/statm' % pid) as file:
            _, resident, shared, *_ = map(int, file.read().split())
    except OSError:
        return 0
    return (resident - shared) * PAGE


PAGE = os.sysconf('SC_PAGE_SIZE')
