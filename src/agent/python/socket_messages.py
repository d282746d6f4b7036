"""The messages between the agent and a program over the program's socket.

To the program: tasks, each a length and JSON of that length, and RECORD_TAKEN. To the agent: a tag,
a length and bytes of that length. Both processes use this.
"""

import struct

LENGTH = struct.Struct('>I')

# Tags
RECORD = b'r'
EXEC_FAILED = b'x'  # the task's program could not be executed
CONTEXT_READY = b'y'
CELL_ENDED = b'e'  # its bytes are a CELL_END

CELL_END = struct.Struct('>BQ')  # exit code, microseconds of processor time

RECORD_TAKEN = b'!'  # the program waits for this byte after each record
