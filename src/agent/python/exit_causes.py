"""Finds out why a program failed: the kernel may have refused it something. Runs in the agent."""

import os

from .config import PIDS, WORKSPACE
from .privileges import HAS_OWN_USER
from .processes import thread_count
from .signals import signal_name

# The kernel's counts of refusals, for both versions of cgroups: a line's name, and files
COUNTERS = {
    'oom': ('oom_kill', '/sys/fs/cgroup/memory.events', '/sys/fs/cgroup/memory/memory.oom_control'),
    'pids': ('max', '/sys/fs/cgroup/pids.events', '/sys/fs/cgroup/pids/pids.events'),
}
# Texts that programs write if the kernel refuses them a process or a thread
REFUSAL_TEXTS = (
    b'Resource temporarily unavailable',
    b"can't start new thread",
    b'Cannot fork',
    b'EAGAIN',
)


class ExitCauses:
    """Compares the kernel's counts of refusals with the previous counts."""

    def __init__(self):
        self.counts = {cause: count_of(cause) for cause in COUNTERS}
        self.has_no_memory = False
        # gVisor counts no refusals, and no kernel counts those by the limit of a user. There, the
        # number of threads is compared with the limit.
        has_counter = any(os.path.exists(file) for file in COUNTERS['pids'][1:])
        self.is_counted = has_counter and not HAS_OWN_USER

    def exit_of(self, status, usage):
        """Returns the answer to a request whose process ended with this status."""
        killer = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        exit = {
            'exitCode': None if killer else os.WEXITSTATUS(status),
            'signal': killer and signal_name(killer),
            'usage': usage,
        }
        if exit['exitCode'] != 0:
            exit['cause'] = self.find_cause()
        return exit

    def find_cause(self):
        """Returns the resource that the kernel has refused since the last failure, if any."""
        found, self.has_no_memory = 'oom' if self.has_no_memory else None, False
        for cause in COUNTERS:
            count = count_of(cause)
            if count > self.counts[cause]:
                found = found or cause
            self.counts[cause] = count
        if not found and self.is_crowded():
            return 'pids'
        return found or ('disk' if is_full(WORKSPACE) or is_full('/tmp') else None)

    def memory_ran_out(self):
        """Has the next failure of a program the cause `oom`."""
        self.has_no_memory = True

    def is_refusal(self, text):
        """Returns whether the kernel refused a process or thread to a program that wrote this."""
        return any(word in text for word in REFUSAL_TEXTS) and self.is_crowded()

    def is_crowded(self):
        return PIDS and not self.is_counted and thread_count() >= PIDS


def count_of(cause):
    name, *files = COUNTERS[cause]
    for file in files:
        try:
            with open(file) as lines:
                return next((int(line.split()[1]) for line in lines if line.split()[0] == name), 0)
        except OSError:
            continue
    return 0


def is_full(folder):
    try:
        return os.statvfs(folder).f_bavail == 0
    except OSError:
        return False
