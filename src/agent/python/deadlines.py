# Programs that must be over by now

import time

from .programs import Program

OVERDUE_S = 2  # the host ends a program at its deadline; we wait this long for it


class Deadlines:
    """Ends programs that the host did not end: it may be gone while the streams are still open."""

    def __init__(self, jobs):
        self.jobs, self.ends = jobs, {}

    def add(self, id, request):
        """For a request that is under way."""
        time_ms = request.get('timeoutMs')
        if time_ms is not None and id in self.jobs:
            self.ends[id] = time.monotonic() + time_ms / 1000 + OVERDUE_S

    def drop(self, id):
        self.ends.pop(id, None)

    def left(self, longest):
        """How many seconds the agent may wait for events."""
        if not self.ends:
            return longest
        return max(0, min(longest, min(self.ends.values()) - time.monotonic()))

    def check(self):
        now = time.monotonic()
        for id in [id for id, end in self.ends.items() if end <= now]:
            job = self.jobs[id]
            if isinstance(job, Program):
                del self.ends[id]
                job.end_overdue()
            else:
                self.ends[id] = now + 1  # it has no process yet
