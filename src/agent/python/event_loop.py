"""The event loop: it waits for descriptors and calls their handlers. It runs in the agent."""

import select

SLICE_S = 0.005  # how long one request may take in one turn: the other requests wait


class EventLoop:
    def __init__(self):
        self.epoll = select.epoll()
        self.handlers = {}

    def watch(self, fd, events, handler):
        """Calls the handler when the descriptor is ready. Ignores a descriptor that is watched."""
        if fd not in self.handlers:
            self.handlers[fd] = handler
            self.epoll.register(fd, events)

    def unwatch(self, fd):
        if self.handlers.pop(fd, None):
            self.epoll.unregister(fd)

    def handle_ready(self, timeout_s):
        """Waits for ready descriptors, handles them, and returns whether there were any."""
        ready = self.epoll.poll(timeout_s)
        for fd, _ in ready:
            handler = self.handlers.get(fd)
            if handler:
                handler()
        return bool(ready)
