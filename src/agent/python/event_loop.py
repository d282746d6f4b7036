"""The event loop: it waits for descriptors and calls their handlers. It runs in the agent."""

import os
import select

SLICE_S = 0.005  # how long one request may take in one turn: the other requests wait


class EventLoop:
    def __init__(self):
        self.epoll = select.epoll()
        self.handlers = {}
        self.postponed = []

    def watch(self, fd, events, handler):
        """Calls the handler when the descriptor is ready. Ignores a descriptor that is watched."""
        if fd not in self.handlers:
            self.handlers[fd] = handler
            self.epoll.register(fd, events)

    def unwatch(self, fd):
        if self.handlers.pop(fd, None):
            self.epoll.unregister(fd)

    def postpone(self, action):
        """Calls a function at the start of the next turn, when the frames of this one are sent.

        The host waits for the frames, and under gVisor each system call can take 16 us.
        """
        self.postponed.append(action)

    def close(self, fd):
        """Closes a descriptor at the start of the next turn. Its handler is not called again."""
        is_watched = self.handlers.pop(fd, None)

        def close():
            if is_watched:
                self.epoll.unregister(fd)
            os.close(fd)

        self.postpone(close)

    def handle_ready(self, timeout_s):
        """Waits for ready descriptors, handles them, and returns whether there were any."""
        while self.postponed:
            self.postponed.pop()()
        ready = self.epoll.poll(timeout_s)
        for fd, _ in ready:
            handler = self.handlers.get(fd)
            if handler:
                handler()
        return bool(ready)
