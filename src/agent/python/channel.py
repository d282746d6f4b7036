"""The channel to the host: frames in on descriptor 0, frames out on descriptor 1.

It runs in the agent.
"""

import os
import time

from .protocol import (
    CHUNK,
    CODE_CACHE,
    CREDIT,
    DATA,
    HEADER,
    MAX_FRAME,
    SILENCE_S,
    STDIN,
)
from .system_calls import write_all


class Channel:
    def __init__(self):
        self.heard_at, self.is_heard = time.monotonic(), False
        self.incoming, self.outgoing = bytearray(), bytearray()

    def receive(self):
        """Reads once, and yields the frames that are complete."""
        data = os.read(0, CHUNK)
        if not data:
            os._exit(0)  # the host is gone
        self.is_heard = True
        self.incoming += data
        while len(self.incoming) >= HEADER.size:
            kind, id, length = HEADER.unpack_from(self.incoming)
            if length > MAX_FRAME:
                raise ValueError('a frame of %d bytes' % length)
            end = HEADER.size + length
            if len(self.incoming) < end:
                return
            payload = bytes(self.incoming[HEADER.size : end])
            del self.incoming[:end]
            yield kind, id, payload

    def exit_if_silent(self):
        """Ends the agent if no frame arrives, not even a ping: the host is gone.

        Call this only after all bytes that have arrived were read, because an agent that was frozen
        has read no frame meanwhile. The connection may still be open.
        """
        now = time.monotonic()
        if self.is_heard:
            self.heard_at, self.is_heard = now, False
        elif now - self.heard_at > SILENCE_S:
            os._exit(0)

    def send(self, kind, id, payload):
        self.outgoing += HEADER.pack(kind, id, len(payload))
        self.outgoing += payload
        if len(self.outgoing) > CHUNK:
            self.flush()

    def send_data(self, id, stream, data):
        self.send(DATA, id, bytes([stream]) + data)

    def send_credit(self, id, amount):
        """Lets the host send more stdin."""
        self.send(CREDIT, id, bytes([STDIN]) + amount.to_bytes(4, 'big'))

    def send_code_cache(self, code_cache):
        for start in range(0, len(code_cache), CHUNK):
            self.send(CODE_CACHE, 0, code_cache[start : start + CHUNK])

    def flush(self):
        """Writes the frames, once in a turn: a run's last output and its end go together."""
        if self.outgoing:
            write_all(1, self.outgoing)
            self.outgoing = bytearray()

    def discard(self):
        """Drops the frames that were not flushed."""
        self.outgoing.clear()
