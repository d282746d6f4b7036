# File requests: how they go on, beside each other and beside the programs

import errno
import time

from .frames import CHUNK, DATA, STARTED, STDOUT, TURN_S, WINDOW, refusal
from .identity import as_nobody
from .notation import as_json


class FileJob:
    """A file request under way: steps of files.py that have nobody's rights."""

    def __init__(self, agent, id, steps):
        self.agent, self.id, self.steps = agent, id, steps

    def step(self):
        """Goes on, and says whether there is more to do without hearing from the host."""
        try:
            return self.turn()
        except Exception as error:
            self.agent.fail(self.id, error)

    def started(self, answer):
        self.agent.send(STARTED, self.id, as_json(answer))

    def signal(self, _number):
        """It fails where it is, and cleans up as after any failure."""
        try:
            as_nobody(lambda: self.steps.throw(refusal(errno.ECANCELED)))
        except Exception as error:
            self.agent.fail(self.id, error)

    def data(self, _data):
        pass

    def eof(self):
        pass

    def credit(self, _channel, _amount):
        pass


class Giving(FileJob):
    """What it yields is on its way to the host, as far as the host's credit goes."""

    def __init__(self, agent, id, steps):
        super().__init__(agent, id, steps)
        self.budget, self.out, self.is_over = WINDOW, bytearray(), False

    def credit(self, _channel, amount):
        if self.budget == 0:
            self.agent.turns.append(self.id)
        self.budget += amount

    def turn(self):
        if len(self.out) < CHUNK and not self.is_over:
            as_nobody(self.fill)
        size = min(CHUNK, self.budget, len(self.out))
        if size:
            self.budget -= size
            self.agent.send(DATA, self.id, bytes([STDOUT]) + self.out[:size])
            del self.out[:size]
        if self.is_over and not self.out:
            self.agent.done(self.id, {})
        return self.budget > 0

    def fill(self):
        """A turn's worth of work, or of bytes."""
        end = time.monotonic() + TURN_S
        for found in self.steps:
            if isinstance(found, dict):
                self.started(found)
            elif found:
                self.out += found
            if len(self.out) >= CHUNK or time.monotonic() > end:
                return
        self.is_over = True


class Taking(FileJob):
    """It gets what the host sends, as it comes."""

    given = None

    def turn(self):
        try:
            answer = as_nobody(lambda: self.steps.send(self.given))
        except StopIteration:
            return self.agent.done(self.id, {})
        if answer is not None:
            self.started(answer)
        elif self.given is not None:
            self.agent.credit(self.id, len(self.given))

    def data(self, data):
        self.given = data
        self.step()

    def eof(self):
        self.given = None
        self.step()
