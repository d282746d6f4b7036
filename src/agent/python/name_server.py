"""Answers lookups of localhost and of the container's own name. It runs in the agent.

Without a network, the engine gives the container neither a hosts file nor a name server. The C
library then asks port 53 of 127.0.0.1.
"""

import _socket
import os
import select

RESOLVER_FILE, ADDRESS = '/etc/resolv.conf', ('127.0.0.1', 53)
MAX_QUERY = 512
HEADER = 12
OK, UNKNOWN = b'\x85\x80', b'\x81\x82'  # the flags of answers: UNKNOWN is a failure of the server
# The ends of records: a name, a type, a class, a time, and the length and bytes of an address
RECORDS = {
    b'\0\x01': b'\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04\x7f\0\0\x01',
    b'\0\x1c': b'\xc0\x0c\0\x1c\0\x01\0\0\0\0\0\x10' + bytes(15) + b'\x01',
}


def serve_names(loop):
    """Serves the lookups of programs, if the container has no other name server."""
    try:
        if os.path.exists(RESOLVER_FILE) and os.path.getsize(RESOLVER_FILE):
            return
        socket = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
        socket.bind(ADDRESS)
    except OSError:
        return  # this engine does not permit it
    socket.setblocking(False)
    names = [b'localhost', os.fsencode(os.uname().nodename).lower()]

    def answer_next():
        try:
            query, sender = socket.recvfrom(MAX_QUERY)
            answer = answer_to(query, names)
            if answer:
                socket.sendto(answer, sender)
        except OSError:
            pass  # the sender is gone

    loop.watch(socket.fileno(), select.EPOLLIN, answer_next)


def answer_to(query, names):
    """Returns the answer, or None if this is not a query."""
    labels, at = [], HEADER
    while query[at : at + 1] not in (b'', b'\0'):
        labels.append(query[at + 1 : at + 1 + query[at]].lower())
        at += 1 + query[at]
    question = query[HEADER : at + 5]
    if at + 5 > len(query) or query[2] & 0x80:
        return None
    is_known = b'.'.join(labels) in names or labels[-1:] == [b'localhost']
    record = RECORDS.get(query[at + 1 : at + 3], b'') if is_known else b''
    counts = b'\0\x01\0' + (b'\x01' if record else b'\0') + bytes(4)
    return query[:2] + (OK if is_known else UNKNOWN) + counts + question + record
