"""The requests of the host that are under way, by their ids. It runs in the agent."""

import errno

from .deadlines import Deadlines
from .json_codec import to_json
from .protocol import CREDIT, DATA, DONE, EOF, SIGNAL
from .signals import SIGNALS
from .system_calls import os_error


class Request:
    """A request that takes the host's frames."""

    def take_frame(self, kind, payload):
        if kind == DATA:
            self.data(payload[1:])
        elif kind == EOF:
            self.eof()
        elif kind == CREDIT:
            self.credit(payload[0], int.from_bytes(payload[1:], 'big'))
        elif kind == SIGNAL and payload in SIGNALS:
            self.signal(SIGNALS[payload])

    def end_overdue(self):
        """Only a program can be overdue."""
        return False


class Requests:
    def __init__(self, channel):
        self.channel = channel
        self.open = {}
        self.deadlines = Deadlines(self.open)
        self.steppable = []  # ids of file requests that can go on without the host

    def take_frame(self, kind, id, payload):
        request = self.open.get(id)
        if request is None:
            return  # it ended while the frame was on its way
        try:
            request.take_frame(kind, payload)
        except OSError as error:
            self.fail(id, error)

    def step(self, id):
        """Continues a file request."""
        request = self.open.get(id)
        if request and request.step():
            self.steppable.append(id)

    def step_next(self):
        """Continues the next file request, once in a turn."""
        if self.steppable:
            self.step(self.steppable.pop(0))

    def done(self, id, answer):
        self.deadlines.drop(id)
        if self.open.pop(id, None) is not None or 'error' in answer:
            self.channel.send(DONE, id, to_json(answer))

    def fail(self, id, error):
        """Answers with the errno's name. An error of no system call is an invalid request."""
        if not isinstance(error, OSError):
            error = os_error(errno.EINVAL)
        code = errno.errorcode.get(error.errno, 'EIO')
        self.done(id, {'error': {'code': code, 'message': error.strerror or str(error)}})
