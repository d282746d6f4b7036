"""The numbers of the protocol between host and agent, as in ../protocol.md.

All processes use them.
"""

import struct

VERSION = 4

# Kinds of frames
HELLO, REQUEST, DATA, EOF, CREDIT, SIGNAL, DONE, PING, STARTED = range(1, 10)
CODE_CACHE = 11
HEADER = struct.Struct('>BII')  # kind, request id, length of the payload

# Streams of a request
STDIN, STDOUT, STDERR, RECORDS = range(4)

# Limits in bytes
CHUNK = 65536
WINDOW = 4 * CHUNK  # the credit of a stream at its start
TAIL_LIMIT = 16 * CHUNK  # sent at most of each pipe after the end of its program
MAX_FRAME = 16 * 1024 * 1024
MAX_RECORD = 4 * 1024 * 1024

SILENCE_S = 90  # an agent that hears nothing for this time exits
