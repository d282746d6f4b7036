# What goes into a child and what comes out of it

import os
import select
import sys
import time

from .frames import CHUNK, DATA, LENGTH, MAX_RECORD, RECORDS, TAIL_LIMIT, TURN_END, TURN_S, WINDOW


class Feed:
    """Bytes on their way into a child, as fast as it takes them."""

    def __init__(self, agent, fd):
        self.agent, self.fd, self.buffer = agent, fd, bytearray()
        os.set_blocking(fd, False)

    def push(self, data):
        self.buffer += data
        self.pump()

    def pump(self):
        """Gives how many it took; all of them where nobody reads."""
        try:
            size = os.write(self.fd, self.buffer)
        except BlockingIOError:
            size = 0
        except OSError:
            size = len(self.buffer)
            self.close()
        del self.buffer[:size]
        if self.buffer:
            self.agent.watch(self.fd, select.EPOLLOUT, self.pump)
        else:
            self.agent.unwatch(self.fd)
        self.took(size)

    def took(self, size):
        pass

    def close(self):
        if self.fd >= 0:
            self.agent.unwatch(self.fd)
            os.close(self.fd)
            self.fd = -1


class Inlet(Feed):
    """What the host sends to the program's stdin; credit goes back as the program reads."""

    def __init__(self, program, fd):
        super().__init__(program.agent, fd)
        self.program, self.ended = program, False

    def data(self, data):
        if len(self.buffer) + len(data) > WINDOW:
            raise ValueError('the host sent more than its credit')
        self.push(data)

    def eof(self):
        self.ended = True
        if not self.buffer:
            self.close()

    def took(self, size):
        if size:
            self.agent.credit(self.program.id, size)
        if self.ended and not self.buffer:
            self.close()


class Outlet:
    """A pipe of the program on its way to the host, as far as the host's credit goes."""

    def __init__(self, program, channel, fd):
        self.program, self.agent, self.channel, self.fd = program, program.agent, channel, fd
        self.budget, self.sent, self.tail, self.over = 0, 0, None, False
        self.look = None  # called with what the program says
        os.set_blocking(fd, False)

    def grant(self, amount):
        if self.budget == 0 and self.fd >= 0:
            self.agent.watch(self.fd, select.EPOLLIN, self.pump)
        self.budget += amount
        self.send_tail()

    def pause(self):
        self.budget = 0
        self.agent.unwatch(self.fd)

    def pump(self):
        data = self.read(min(CHUNK, self.budget))
        if data:
            self.send(data)
            if self.budget == 0:
                self.agent.unwatch(self.fd)
            self.program.moved()
        elif data == b'':
            self.close()

    def read(self, size):
        try:
            data = os.read(self.fd, size)
        except BlockingIOError:
            return None
        if self.look:
            self.look(data)
        return data

    def send(self, data):
        self.budget -= len(data)
        self.sent += len(data)
        self.agent.send(DATA, self.program.id, bytes([self.channel]) + data)

    def written(self):
        """How much the program has written, sent or not."""
        if self.fd < 0:
            return self.sent + len(self.tail or b'')
        import fcntl, termios  # by the first record of all

        found = fcntl.ioctl(self.fd, termios.FIONREAD, bytes(4))
        return self.sent + int.from_bytes(found, sys.byteorder)

    def last(self):
        """The program is over: what is in the pipe now still counts, what a child adds does not."""
        self.tail = self.drain()
        self.send_tail()

    def drain(self):
        found = bytearray()
        while self.fd >= 0 and len(found) < TAIL_LIMIT:
            data = self.read(CHUNK)
            if not data:
                break
            found += data
        self.close()
        return found

    def send_tail(self):
        while self.tail and self.budget:
            size = min(CHUNK, self.budget)
            self.send(bytes(self.tail[:size]))
            del self.tail[:size]
        self.over = self.tail is not None and not self.tail

    close = Feed.close


class Records(Outlet):
    """What a child that runs code says on its socket: a tag, a length, so many bytes.

    A record goes out when the output that was written before it has; then the child, which waits,
    is told. Nothing that comes is trusted: what makes no sense is the end of the conversation.
    """

    TAGS = {
        b'r': range(2, MAX_RECORD + 1),
        b'x': range(1),
        b'y': range(1),
        b'e': range(9, 10),
    }

    def __init__(self, program, fd, back):
        super().__init__(program, RECORDS, fd)
        self.feed = Feed(program.agent, back)
        self.rest, self.is_last = bytearray(), False
        self.tag, self.head, self.left, self.marks = b'', b'', 0, []
        self.agent.watch(fd, select.EPOLLIN, self.pump)  # already: a run has no time for it

    def grant(self, amount):
        self.budget += amount
        if self.tag or self.is_last:
            self.pump()

    def pump(self):
        """Goes on as far as output, credit and child allow, or for its turn: there are others."""
        end = time.monotonic() + TURN_S
        while not self.is_held():
            data = self.head[: self.budget] or self.read(self.wanted())
            if data is None:
                return self.agent.watch(self.fd, select.EPOLLIN, self.pump)
            if not data:
                self.over = self.is_last
                return self.hang_up()
            self.take(data)
            if self.fd >= 0 and time.monotonic() > end:
                return self.agent.watch(self.fd, select.EPOLLIN, self.pump)
        self.agent.unwatch(self.fd)

    def is_held(self):
        is_short = self.tag == b'r' and self.budget == 0
        return is_short or any(
            outlet.sent < mark and not outlet.over for outlet, mark in self.marks
        )

    def wanted(self):
        if not self.tag:
            return 1 + LENGTH.size
        return min(CHUNK, self.left, self.budget if self.tag == b'r' else self.left)

    def read(self, size):
        if self.fd < 0:
            data = bytes(self.rest[:size])
            del self.rest[:size]
            return data
        try:
            return super().read(size)
        except OSError:
            return b''

    def take(self, data):
        if not self.tag:
            return self.begin(data)
        if self.head:
            self.head = self.head[len(data) :]
        else:
            self.left -= len(data)
        if self.tag == b'r':
            self.send(data)
        if not self.left:
            self.finish(data)

    def begin(self, data):
        tag, length = data[:1], int.from_bytes(data[1:], 'big')
        is_fit = len(data) == 5 and tag in (b'r', self.program.awaits)
        if not is_fit or length not in self.TAGS[tag]:
            return self.hang_up()
        self.tag, self.left = tag, length
        if not length:
            return self.finish(b'')
        self.head = data[1:] if tag == b'r' else b''
        self.marks = [(outlet, outlet.written()) for outlet in self.program.pipes]

    def finish(self, data):
        tag, self.tag, self.marks = self.tag, b'', []
        if tag == b'r':
            self.feed.push(b'!')
            self.rest.clear()  # who waits for this has said no more
        elif tag == b'x':
            self.program.begin(False)
        elif tag == b'y':
            self.program.ready()
        elif len(data) == TURN_END.size:
            self.program.end_turn(*TURN_END.unpack(data))

    def hang_up(self):
        """In both directions: the child must not wait for an answer."""
        self.rest.clear()
        self.close()
        if self.program.awaits == b'x':
            self.program.begin(True)

    def close(self):
        super().close()
        self.feed.close()

    def last(self):
        self.rest, self.is_last = self.drain(), True
        self.pump()
