# In a child: what it says to the agent beside its output

import _signal as signal
import _thread
import os
import sys

from .frames import CHUNK, LENGTH, write_all
from .notation import from_json
from .tracebacks import print_error


class Line:
    """The child's end of its socket, which is descriptor 3."""

    pid = None

    def begin(self):
        self.pid, self.socket = os.getpid(), os.fstat(3)[1:3]
        self.lock, self.inbox = _thread.allocate_lock(), bytearray()
        return self.hear()

    def is_ours(self):
        """Not in a fork of the user's; nor is descriptor 3, where the user has closed it."""
        try:
            return os.getpid() == self.pid and os.fstat(3)[1:3] == self.socket
        except OSError:
            return False

    def hear(self):
        """A job, or None: there will be no more."""
        while True:
            start = LENGTH.size
            end = start + int.from_bytes(self.inbox[:start], 'big')
            if len(self.inbox) >= max(start, end):
                job = from_json(self.inbox[start:end])
                del self.inbox[:end]
                return job
            try:
                data = os.read(3, max(CHUNK, end))
            except Exception as error:  # of a signal handler of the user's
                if not self.is_ours():
                    return None
                print_error(error, '')
                continue
            if not data:
                return None
            self.inbox += data

    def say(self, record):
        """One record, in its place in the output."""
        flush()
        if self.is_ours():
            uninterrupted(lambda: self.exchange(b'r', record, lambda: os.read(3, 1)))

    def next_job(self, tag, data=b''):
        """Ends what it was doing. Nobody else may read the answer."""
        return self.exchange(tag, data, self.hear)

    def exchange(self, tag, data, answer):
        try:
            with self.lock:
                write_all(3, tag + LENGTH.pack(len(data)) + data)
                return answer()
        except OSError:
            return None  # the user has closed it


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            continue


def uninterrupted(action):
    """Signals come after it: half a record would be the last, a handler may display as well."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        unswerved(action)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def unswerved(action):
    """Nor does an interrupt come that another thread has taken."""
    came = []
    try:
        handler = signal.signal(signal.SIGINT, lambda *_: came.append(True))
    except ValueError:  # not the main thread: none comes here
        return action()
    try:
        action()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if handler is None else handler)
        if came:
            os.kill(os.getpid(), signal.SIGINT)


line = Line()
