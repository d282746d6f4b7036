"""Ends programs after their timeout if the host does not.

The host may be gone while the streams are still open. It runs in the agent.
"""

import time

GRACE_S = 2  # the host ends a program at its timeout; the agent waits this long for that
RETRY_S = 1


class Deadlines:
    def __init__(self, requests):
        self.requests, self.ends = requests, {}

    def add(self, id, timeout_ms):
        """Adds a deadline, if the request is still under way."""
        if timeout_ms is not None and id in self.requests:
            self.ends[id] = time.monotonic() + timeout_ms / 1000 + GRACE_S

    def drop(self, id):
        self.ends.pop(id, None)

    def wait_s(self, longest):
        """Returns how many seconds the agent may wait for events."""
        if not self.ends:
            return longest
        return max(0, min(longest, min(self.ends.values()) - time.monotonic()))

    def check(self):
        now = time.monotonic()
        for id in [id for id, end in self.ends.items() if end <= now]:
            if self.requests[id].end_overdue():
                self.drop(id)
            else:
                self.ends[id] = now + RETRY_S  # it has no process yet
