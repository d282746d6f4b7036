"""Tells programs the name of their user. It runs in the agent.

A container with a user id of its own has an image whose `/etc/passwd` does not know the id, and a
root that is read-only. The C library asks a name service cache (nscd, of glibc and musl) before it
says that a user does not exist. The engine mounts the folder of that service, which only root can
write to.
"""

import _socket
import os
import select
import struct

from .config import WORKSPACE
from .privileges import HAS_OWN_USER, NOBODY, USER_NAME

ADDRESS = '/run/nscd/socket'
VERSION = 2
USER_BY_NAME, USER_BY_ID, GROUP_BY_NAME, GROUP_BY_ID, GROUPS_OF_USER = 0, 1, 2, 3, 15
REQUEST = struct.Struct('=iii')  # version, type, length of the key, which ends with a NUL
# Version, whether it was found, and: lengths of name and password, ids, lengths of the other texts
USER = struct.Struct('=iiiiIIiii')
# Version, whether it was found, lengths of name and password, id, number of members
GROUP = struct.Struct('=iiiiIi')
GROUPS = struct.Struct('=iii')  # version, whether it was found, number of ids that follow
MAX_QUERY = 1024
BACKLOG, MAX_CONNECTIONS = 128, 16


def serve_users(loop):
    """Serves the lookups of programs, if the container has a user of its own."""
    if not HAS_OWN_USER:
        return
    try:
        socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        socket.bind(ADDRESS)
        os.chmod(ADDRESS, 0o666)
        socket.listen(BACKLOG)
    except OSError:
        return  # this engine has not mounted the folder
    socket.setblocking(False)
    open_connections = []

    def accept():
        try:
            fd, _ = socket._accept()
        except OSError:
            return  # it is gone
        connection = _socket.socket(fileno=fd)
        connection.setblocking(False)
        open_connections.append(connection)
        loop.watch(fd, select.EPOLLIN, lambda: answer(connection))
        if len(open_connections) > MAX_CONNECTIONS:
            close(open_connections[0])  # it has sent no query

    def answer(connection):
        try:
            connection.send(answer_to(connection.recv(MAX_QUERY)))
        except Exception:
            pass  # the program is gone, or a file of the image is not valid
        close(connection)

    def close(connection):
        open_connections.remove(connection)
        loop.close(connection.detach())

    loop.watch(socket.fileno(), select.EPOLLIN, accept)


def answer_to(query):
    """Returns the answer, or nothing if this is not a query that is served.

    If nothing comes, the C library looks into its own files.
    """
    version, kind, size = REQUEST.unpack_from(query.ljust(REQUEST.size, b'\0'))
    key = query[REQUEST.size :]
    if version != VERSION or len(key) != size or key[-1:] != b'\0':
        return b''
    key = key[:-1]
    if kind in (USER_BY_NAME, USER_BY_ID):
        return user_answer(find('/etc/passwd', own_user(), 0 if kind == USER_BY_NAME else 2, key))
    if kind in (GROUP_BY_NAME, GROUP_BY_ID):
        return group_answer(find('/etc/group', own_group(), 0 if kind == GROUP_BY_NAME else 2, key))
    if kind == GROUPS_OF_USER:
        return groups_answer(key)
    return b''


def own_user():
    fields = [USER_NAME, 'x', str(NOBODY), str(NOBODY), '', WORKSPACE, '/bin/sh']
    return [field.encode() for field in fields]


def own_group():
    return [field.encode() for field in (USER_NAME, 'x', str(NOBODY), '')]


def find(file, own, field, value):
    return next((line for line in [own, *lines_of(file, len(own))] if line[field] == value), None)


def lines_of(file, count):
    """Returns the fields of the lines of a file of the image that have this many."""
    try:
        with open(file, 'rb') as lines:
            return [fields for line in lines if len(fields := line.strip().split(b':')) == count]
    except OSError:
        return []


def user_answer(fields):
    if not fields:
        return USER.pack(VERSION, 0, *[0] * 7)
    name, password, uid, gid, *others = fields
    sizes = [len(text) + 1 for text in (name, password, *others)]
    header = USER.pack(VERSION, 1, *sizes[:2], int(uid), int(gid), *sizes[2:])
    return header + texts(name, password, *others)


def group_answer(fields):
    if not fields:
        return GROUP.pack(VERSION, 0, *[0] * 4)
    name, password, gid, members = fields
    members = members.split(b',') if members else []
    header = GROUP.pack(VERSION, 1, len(name) + 1, len(password) + 1, int(gid), len(members))
    sizes = b''.join(struct.pack('=i', len(member) + 1) for member in members)
    return header + sizes + texts(name, password, *members)


def groups_answer(name):
    """Returns the groups that have a user as a member, beside the user's own."""
    found = [gid for _, _, gid, members in lines_of('/etc/group', 4) if name in members.split(b',')]
    return GROUPS.pack(VERSION, 1, len(found)) + b''.join(
        struct.pack('=I', int(gid)) for gid in found
    )


def texts(*fields):
    return b''.join(field + b'\0' for field in fields)
