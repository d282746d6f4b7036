"""The event loop: it waits for descriptors and calls their handlers. It runs in the agent."""

import select

SLICE_S = 0.005  # how long one request may take in one turn: the other requests wait


class EventLoop:
    def __init__(self):
        self.epoll = select.epoll()
        self.handlers = {}

    def watch(self, fd, events, handler):
        """Has a handler called if the descriptor is ready. A watched descriptor stays as it is."""
        if fd not in self.handlers:
            self.handlers[fd] = handler
            self.epoll.register(fd, events)

    def unwatch(self, fd):
        if self.handlers.pop(fd, None):
            self.epoll.unregister(fd)

    def handle_ready(self, timeout_s):
        """Waits for ready descriptors, handles them, and gives whether there were any."""
        ready = self.epoll.poll(timeout_s)
        for fd, _ in ready:
            handler = self.handlers.get(fd)
            if handler:
                handler()
        return bool(ready)
