"""The agent's ends of a program's pipes, with the credit of their streams. Runs in the agent."""

import os
import select
import sys

from .protocol import CHUNK, TAIL_LIMIT, WINDOW


class Pipe:
    """A descriptor that the event loop may watch."""

    def __init__(self, loop, fd):
        self.loop, self.fd = loop, fd
        os.set_blocking(fd, False)

    def close(self):
        if self.fd >= 0:
            self.loop.close(self.fd)
            self.fd = -1


class PipeWriter(Pipe):
    """Writes bytes to a process, as fast as the process reads them."""

    def __init__(self, loop, fd):
        super().__init__(loop, fd)
        self.buffer = bytearray()

    def write(self, data):
        self.buffer += data
        self.write_buffer()

    def write_buffer(self):
        try:
            size = os.write(self.fd, self.buffer)
        except BlockingIOError:
            size = 0
        except OSError:  # nothing reads any more: the bytes count as written
            size = len(self.buffer)
            self.close()
        del self.buffer[:size]
        if self.buffer:
            self.loop.watch(self.fd, select.EPOLLOUT, self.write_buffer)
        else:
            self.loop.unwatch(self.fd)
        self.written(size)

    def written(self, size):
        pass


class StdinPipe(PipeWriter):
    """Writes the host's data to the program's stdin, and returns credit when the program reads."""

    def __init__(self, program, fd):
        super().__init__(program.loop, fd)
        self.program, self.is_eof = program, False

    def data(self, data):
        if len(self.buffer) + len(data) > WINDOW:
            raise ValueError('the host sent more than its credit')
        self.write(data)

    def eof(self):
        self.is_eof = True
        if not self.buffer:
            self.close()

    def written(self, size):
        if size:
            self.program.channel.send_credit(self.program.id, size)
        if self.is_eof and not self.buffer:
            self.close()


class OutputPipe(Pipe):
    """Sends a program's output to the host, as far as the host's credit goes."""

    def __init__(self, program, stream, fd):
        super().__init__(program.loop, fd)
        self.program, self.stream = program, stream
        self.credit, self.sent = 0, 0
        self.tail = None  # bytes in the pipe at the end of the program, until they are sent
        self.is_over = False
        self.listener = None  # a function that gets each piece that is read

    def add_credit(self, amount):
        if self.credit == 0 and self.fd >= 0:
            self.loop.watch(self.fd, select.EPOLLIN, self.transfer)
        self.credit += amount
        self.send_tail()

    def pause(self):
        self.credit = 0
        self.loop.unwatch(self.fd)

    def transfer(self):
        data = self.read(min(CHUNK, self.credit))
        if data:
            self.send(data)
            if self.credit == 0:
                self.loop.unwatch(self.fd)
            self.program.output_sent()
        elif data == b'':
            self.close()

    def read(self, size):
        """Returns None if the pipe is empty, and no bytes at its end."""
        try:
            data = os.read(self.fd, size)
        except BlockingIOError:
            return None
        if self.listener:
            self.listener(data)
        return data

    def send(self, data):
        self.credit -= len(data)
        self.sent += len(data)
        self.program.channel.send_data(self.program.id, self.stream, data)

    def total_written(self):
        """Returns how many bytes the program has written, sent or not."""
        if self.fd < 0:
            return self.sent + len(self.tail or b'')
        import fcntl  # only programs with records need these two
        import termios

        unread = fcntl.ioctl(self.fd, termios.FIONREAD, bytes(4))
        return self.sent + int.from_bytes(unread, sys.byteorder)

    def read_tail(self):
        """Reads the rest at the end of the program. Later output, of its children, is dropped."""
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
        while self.tail and self.credit:
            size = min(CHUNK, self.credit)
            self.send(bytes(self.tail[:size]))
            del self.tail[:size]
        self.is_over = self.tail is not None and not self.tail
