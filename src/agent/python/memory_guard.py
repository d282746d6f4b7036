"""Kills the largest process of the programs before the container runs out of memory, under gVisor.

Linux does that itself. Under gVisor the kernel of the host would kill gVisor, and with it the whole
container. It runs in the agent.
"""

import _signal
import os
import time

from .privileges import NOBODY
from .processes import IS_GVISOR, own_bytes_of, pids_of_user

MIB = 1024 * 1024
BYTES_PER_S = 1000 * MIB  # how fast programs take memory at most
SHORTEST_S, LONGEST_S = 0.005, 0.2  # between two checks
FIRST_S = 0.02  # most runs are shorter
SETTLE_S = 0.2


class MemoryGuard:
    def __init__(self, programs, exit_causes):
        self.programs, self.exit_causes = programs, exit_causes
        self.file = os.open('/proc/meminfo', os.O_RDONLY) if IS_GVISOR else None
        self.next_at = None
        self.killed = None  # the pid of the last process
        self.least_free, self.settled_at = 0, 0  # gVisor frees memory some time after a kill

    def is_needed(self):
        return self.file is not None and self.programs.are_running()

    def wait_s(self, longest):
        """Returns how long the agent may sleep: at most until the next check."""
        if not self.is_needed():
            self.next_at = None
            return longest
        now = time.monotonic()
        self.next_at = self.next_at or now + FIRST_S
        return max(0, min(longest, self.next_at - now))

    def check(self):
        if not self.next_at or time.monotonic() < self.next_at or not self.is_needed():
            return
        free = self.free_bytes()
        if free >= 0:
            self.least_free = 0
        elif free < self.least_free or time.monotonic() > self.settled_at:
            self.least_free, self.settled_at = free, time.monotonic() + SETTLE_S
            self.kill_largest()
        wait_s = min(max(SHORTEST_S, free / BYTES_PER_S), LONGEST_S)
        self.next_at = time.monotonic() + wait_s

    def free_bytes(self):
        """Returns the memory that programs may still take.

        gVisor itself needs 15 to 30 MB and a few percent of the limit. The file lacks these.
        """
        sizes = {}
        for line in os.pread(self.file, 4096, 0).splitlines():
            name, size, *_ = line.split()
            sizes[name] = int(size) * 1024
        total = sizes[b'MemTotal:']
        return total - min(total // 5, 24 * MIB + total // 20) - sizes[b'AnonPages:']

    def kill_largest(self):
        pids = [pid for pid in pids_of_user(NOBODY) if pid != self.killed]
        if pids:
            self.killed = max(pids, key=own_bytes_of)
            try:
                os.kill(self.killed, _signal.SIGKILL)
                self.exit_causes.memory_ran_out()
            except ProcessLookupError:
                pass  # it has ended meanwhile
