"""The agent's end of a program's socket: tasks out, records and other messages in.

A record is sent to the host after all output that was written before it. Then the program, which
waits, gets RECORD_TAKEN. The program is not trusted: a message that makes no sense closes the
socket. It runs in the agent.
"""

import select
import time

from .event_loop import SLICE_S
from .pipes import OutputPipe, PipeWriter
from .protocol import CHUNK, MAX_RECORD, RECORDS
from .socket_messages import (
    CELL_END,
    CELL_ENDED,
    CONTEXT_READY,
    EXEC_FAILED,
    LENGTH,
    RECORD,
    RECORD_TAKEN,
)


class ProgramSocket(OutputPipe):
    LENGTHS = {
        RECORD: range(2, MAX_RECORD + 1),
        EXEC_FAILED: range(1),
        CONTEXT_READY: range(1),
        CELL_ENDED: range(CELL_END.size, CELL_END.size + 1),
    }

    def __init__(self, program, fd, writing_fd):
        super().__init__(program, RECORDS, fd)
        self.writer = PipeWriter(program.loop, writing_fd)
        self.rest = bytearray()  # bytes in the socket at the end of the program
        self.is_program_over = False
        # Of the message that is read: its tag, its length as it is to be sent, the bytes left
        self.tag, self.head, self.left = b'', b'', 0
        self.marks = []  # each pipe, and its bytes that must be sent before this message
        self.loop.watch(fd, select.EPOLLIN, self.transfer)  # now, as a run has no time for it

    def send_task(self, text):
        self.writer.write(LENGTH.pack(len(text)) + text)

    def add_credit(self, amount):
        self.credit += amount
        if self.tag or self.is_program_over:
            self.transfer()

    def output_sent(self):
        if self.marks:
            self.transfer()

    def transfer(self):
        """Reads as far as output, credit and program allow, and not longer than a slice."""
        end = time.monotonic() + SLICE_S
        while not self.is_held():
            data = self.head[: self.credit] or self.read(self.wanted())
            if data is None:
                return self.loop.watch(self.fd, select.EPOLLIN, self.transfer)
            if not data:
                self.is_over = self.is_program_over
                return self.hang_up()
            self.take(data)
            if self.fd >= 0 and time.monotonic() > end:
                return self.loop.watch(self.fd, select.EPOLLIN, self.transfer)
        self.loop.unwatch(self.fd)

    def is_held(self):
        is_without_credit = self.tag == RECORD and self.credit == 0
        return is_without_credit or any(
            pipe.sent < mark and not pipe.is_over for pipe, mark in self.marks
        )

    def wanted(self):
        if not self.tag:
            return 1 + LENGTH.size
        return min(CHUNK, self.left, self.credit if self.tag == RECORD else self.left)

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
            return self.begin_message(data)
        if self.head:
            self.head = self.head[len(data) :]
        else:
            self.left -= len(data)
        if self.tag == RECORD:
            self.send(data)
        if not self.left:
            self.end_message(data)

    def begin_message(self, data):
        tag, length = data[:1], int.from_bytes(data[1:], 'big')
        is_expected = len(data) == 1 + LENGTH.size and tag in (RECORD, self.program.expected_tag)
        if not is_expected or length not in self.LENGTHS[tag]:
            return self.hang_up()
        self.tag, self.left = tag, length
        if not length:
            return self.end_message(b'')
        self.head = data[1:] if tag == RECORD else b''
        self.marks = [(pipe, pipe.total_written()) for pipe in self.program.pipes]

    def end_message(self, data):
        tag, self.tag, self.marks = self.tag, b'', []
        if tag == RECORD:
            self.writer.write(RECORD_TAKEN)
            self.rest.clear()  # a program that waits for this byte has sent nothing else
        elif tag == EXEC_FAILED:
            self.program.exec_settled(False)
        elif tag == CONTEXT_READY:
            self.program.context_ready()
        elif len(data) == CELL_END.size:
            self.program.cell_ended(*CELL_END.unpack(data))

    def hang_up(self):
        """Closes both directions, so that the program does not wait for an answer."""
        self.rest.clear()
        self.close()
        if self.program.expected_tag == EXEC_FAILED:
            self.program.exec_settled(True)

    def close(self):
        super().close()
        self.writer.close()

    def read_tail(self):
        self.rest, self.is_program_over = self.drain(), True
        self.transfer()
