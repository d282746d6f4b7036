"""File requests under way: they go on in steps, beside each other and programs. Runs in the agent.

The steps are the generators of file_operations.py. They have the rights of user nobody.
"""

import errno
import time

from .event_loop import SLICE_S
from .json_codec import to_json
from .privileges import as_nobody
from .protocol import CHUNK, STARTED, STDOUT, WINDOW
from .requests import Request
from .system_calls import os_error


class FileRequest(Request):
    def __init__(self, requests, id, steps):
        self.requests, self.channel, self.id = requests, requests.channel, id
        self.steps = steps

    def step(self):
        """Continues, and returns whether there is more to do without another frame of the host."""
        try:
            return self.do_step()
        except Exception as error:
            self.requests.fail(self.id, error)

    def started(self, answer):
        self.channel.send(STARTED, self.id, to_json(answer))

    def signal(self, _number):
        """Stops the request at its step, which then cleans up as after any failure."""
        try:
            as_nobody(lambda: self.steps.throw(os_error(errno.ECANCELED)))
        except Exception as error:
            self.requests.fail(self.id, error)

    def data(self, _data):
        pass

    def eof(self):
        pass

    def credit(self, _stream, _amount):
        pass


class FileRead(FileRequest):
    """Sends the results of the steps to the host, as far as the host's credit goes.

    All file requests but `write` are of this kind.
    """

    def __init__(self, requests, id, steps):
        super().__init__(requests, id, steps)
        self.credit_left, self.buffer, self.is_over = WINDOW, bytearray(), False

    def credit(self, _stream, amount):
        if self.credit_left == 0:
            self.requests.steppable.append(self.id)
        self.credit_left += amount

    def do_step(self):
        if len(self.buffer) < CHUNK and not self.is_over:
            as_nobody(self.fill_buffer)
        size = min(CHUNK, self.credit_left, len(self.buffer))
        if size:
            self.credit_left -= size
            self.channel.send_data(self.id, STDOUT, self.buffer[:size])
            del self.buffer[:size]
        if self.is_over and not self.buffer:
            self.requests.done(self.id, {})
        return self.credit_left > 0

    def fill_buffer(self):
        """Does steps until there is a chunk, or the slice is over."""
        end = time.monotonic() + SLICE_S
        for found in self.steps:
            if isinstance(found, dict):
                self.started(found)
            elif found:
                self.buffer += found
            if len(self.buffer) >= CHUNK or time.monotonic() > end:
                return
        self.is_over = True


class FileWrite(FileRequest):
    """Sends the host's data to the steps, as it comes."""

    received = None

    def do_step(self):
        try:
            answer = as_nobody(lambda: self.steps.send(self.received))
        except StopIteration:
            return self.requests.done(self.id, {})
        if answer is not None:
            self.started(answer)
        elif self.received is not None:
            self.channel.send_credit(self.id, len(self.received))

    def data(self, data):
        self.received = data
        self.step()

    def eof(self):
        self.received = None
        self.step()
