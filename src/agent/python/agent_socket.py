"""The program's end of its socket to the agent. It runs in programs."""

import _signal
import _thread
import os
import sys

from .json_codec import from_json
from .protocol import CHUNK
from .socket_messages import LENGTH, RECORD
from .system_calls import write_all
from .tracebacks import print_error


class AgentSocket:
    """The socket is descriptor 3, which the user's code may close or replace."""

    pid = None  # of the process that may use the socket: the forks of a program may not

    def attach(self, unread=b''):
        self.pid, self.identity = os.getpid(), os.fstat(3)[1:3]
        self.lock, self.buffer = _thread.allocate_lock(), bytearray(unread)

    def open(self):
        """Waits for the first task."""
        self.attach()
        return self.receive_task()

    def is_usable(self):
        try:
            return os.getpid() == self.pid and os.fstat(3)[1:3] == self.identity
        except OSError:
            return False

    def receive_task(self):
        """Waits for a task. None means that no more come."""
        while True:
            start = LENGTH.size
            end = start + int.from_bytes(self.buffer[:start], 'big')
            if len(self.buffer) >= max(start, end):
                task = from_json(self.buffer[start:end])
                del self.buffer[:end]
                return task
            try:
                data = os.read(3, max(CHUNK, end))
            except Exception as error:  # of a signal handler of the user's
                if not self.is_usable():
                    return None
                print_error(error, '')
                continue
            if not data:
                return None
            self.buffer += data

    def send_record(self, record):
        """Sends a record after the output that was written before it."""
        flush_output()
        if self.is_usable():
            uninterrupted(lambda: self.exchange(RECORD, record, lambda: os.read(3, 1)))

    def next_task(self, tag, data=b'', wait=lambda fd: None):
        """Reports the end of the last task, and waits for the next one.

        `wait` may run code of the user until the socket is readable. The records of this code are
        sent when the next task has come.
        """
        records = []

        def receive():
            self.send_record = records.append
            try:
                wait(3)
            finally:
                del self.send_record
            return self.receive_task()

        task = self.exchange(tag, data, receive)
        for record in records:
            self.send_record(record)
        return task

    def exchange(self, tag, data, receive):
        """Sends a message and receives the answer. No other thread may read that."""
        try:
            with self.lock:
                write_all(3, tag + LENGTH.pack(len(data)) + data)
                return receive()
        except OSError:
            return None  # the user's code has closed the socket


def flush_output():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            continue


def uninterrupted(action):
    """Holds signals back: half a record would be the last, and a handler may send a record, too."""
    mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, ())
    try:
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())
        without_interrupt(action)
    finally:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)


def without_interrupt(action):
    """Holds back the SIGINT that another thread has received and the main thread handles."""
    received = []
    try:
        handler = _signal.signal(_signal.SIGINT, lambda *_: received.append(True))
    except ValueError:  # not the main thread: it handles no signals
        return action()
    try:
        action()
    finally:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL if handler is None else handler)
        if received:
            os.kill(os.getpid(), _signal.SIGINT)


agent_socket = AgentSocket()
