"""An agent that attacks its host when it gets its first request. The argument names the attack."""

import os
import select
import struct
import sys
import time

HELLO, REQUEST, DATA, CREDIT, DONE, PING, STARTED, CODE_CACHE = 1, 2, 3, 5, 7, 8, 9, 11
ATTACK = sys.argv[1]
BATCH = 65536


def read_exactly(size):
    data = b''
    while len(data) < size:
        part = os.read(0, size - len(data))
        if not part:
            os._exit(0)
        data += part
    return data


def read_frame():
    kind, id, size = struct.unpack('>BII', read_exactly(9))
    return kind, id, read_exactly(size)


def frame(kind, id, payload=b''):
    return struct.pack('>BII', kind, id, len(payload)) + payload


def send(data, fd=1):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def forever(data, fd=1):
    """Sends the same bytes without end."""
    many = data * (BATCH // len(data) + 1)
    while True:
        send(many, fd)


def within_credit(id, pieces, write=BATCH):
    """Sends pieces of streams as the host grants credit. `pieces` yields streams and bytes."""
    credit, batch = dict.fromkeys((1, 2, 3), 262144), bytearray()
    for stream, data in pieces:
        while credit[stream] < len(data):
            send(batch)
            batch.clear()
            kind, _, payload = read_frame()
            if kind == CREDIT:
                credit[payload[0]] += int.from_bytes(payload[1:], 'big')
        credit[stream] -= len(data)
        batch += frame(DATA, id, bytes([stream]) + data)
        if len(batch) >= write:
            send(batch)
            batch.clear()
        if select.select([0], [], [], 0)[0]:
            kind, _, payload = read_frame()
            if kind == CREDIT:
                credit[payload[0]] += int.from_bytes(payload[1:], 'big')


def repeat(*pieces):
    while True:
        yield from pieces


def record(body):
    """Yields a record in pieces, without end."""
    data = struct.pack('>I', len(body)) + body
    return repeat(*((3, data[at : at + 60000]) for at in range(0, len(data), 60000)))


def attack(id):
    result = b'{"type":"result","isMain":false,"json":%s}'
    attacks = {
        'pings': lambda: forever(frame(PING, 0)),
        'hellos': lambda: forever(hello()),
        'code caches': lambda: forever(frame(CODE_CACHE, 0)),
        'starts': lambda: forever(frame(STARTED, id, b'{}')),
        'empty data': lambda: forever(frame(DATA, id, b'\1')),
        'empty credit': lambda: forever(frame(CREDIT, id, bytes(5))),
        'unasked answers': lambda: forever(frame(DONE, id + 1000, b'{"exitCode":0}')),
        'a huge length': lambda: forever(struct.pack('>BII', DATA, id, 2**32 - 1)),
        'data beyond the credit': lambda: forever(frame(DATA, id, b'\1' + bytes(65536))),
        'half a frame': lambda: send(frame(DATA, id, b'\1' + bytes(60000))[:30000]),
        'silence': lambda: None,
        'a frame a byte': lambda: within_credit(id, repeat((1, b'x')), 1),
        'many small frames': lambda: within_credit(id, repeat((1, b'x'))),
        'interleaved frames': lambda: within_credit(id, repeat((1, b'x'), (3, b'\0'), (2, b'y'))),
        'endless output': lambda: within_credit(id, repeat((1, b'\n' * 65536))),
        'endless stderr of the agent': lambda: forever(b'x\n', 2),
        'a deep answer': lambda: send(frame(DONE, id, b'[' * 60000)),
        'a huge answer': lambda: send(frame(DONE, id, b'"%s"' % (b'x' * 65000))),
        'deep records': lambda: within_credit(id, record(result % (b'[' * 4000000))),
        'huge records': lambda: within_credit(
            id, record(result % (b'[%s0]' % (b'{"a":0},' * 24000)))
        ),
    }
    attacks[ATTACK]()
    time.sleep(600)


def hello():
    return frame(HELLO, 0, b'{"version":4,"language":"hostile"}')


read_frame()  # the bundle
send(hello())
while True:
    kind, id, payload = read_frame()
    if kind == PING:
        send(frame(PING, id, payload))
    elif kind == REQUEST:
        attack(id)
