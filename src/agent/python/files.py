# File requests: what they do. Each is a generator that its job runs with nobody's rights, in turns:
# a dict that it yields goes out as `started`, bytes go out on stream 1, None is a place to pause.
# It holds what is open, so whatever ends it closes and removes.

import errno
import os
import stat

from .frames import CHUNK, WORKSPACE, refusal, write_all
from .identity import as_nobody
from .notation import as_json

KINDS = {stat.S_IFREG: 'file', stat.S_IFDIR: 'directory', stat.S_IFLNK: 'symlink'}
GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)  # it went, or something else took its place
CLOSED = (*GONE, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG)
FAR = 900  # characters of a path from where it is deleted anew: no call takes 4096 bytes


def read(request):
    offset, left = request.get('offset') or 0, request.get('length')
    with open_regular(at(request['path']), os.O_RDONLY) as file:
        info = os.fstat(file.fileno())
        yield describe(info)
        while left is None or left > 0:
            data = os.pread(file.fileno(), CHUNK if left is None else min(CHUNK, left), offset)
            if not data:
                break
            offset += len(data)
            left = left and left - len(data)
            yield data


def write(request):
    """Is sent the bytes, and None at their end."""
    path, mode, new = at(request['path']), request.get('mode'), None
    flags = os.O_WRONLY | os.O_CREAT
    if request.get('atomic'):
        kept = mode_of(path)
        mode = kept if mode is None else mode
        new = os.path.join(os.path.dirname(path), '.hono-sandbox-' + os.urandom(8).hex())
        flags |= os.O_EXCL | os.O_NOFOLLOW
    with open_regular(new or path, flags) as file:
        try:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            os.ftruncate(file.fileno(), 0)
            data = yield {}
            while data is not None:
                write_all(file.fileno(), data)
                data = yield
            file.close()  # a file system may say only here that it had no room
            if new:
                os.rename(new, path)
        except BaseException:
            if new:
                unless_gone(os.unlink, new)
            raise


def mode_of(path):
    """What the file has that is to be replaced, or what a new one gets. A link is replaced itself."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return 0o644
    if stat.S_ISLNK(mode):
        return 0o644
    check_regular(mode)
    return stat.S_IMODE(mode)


def list_folder(request):
    with Folder(at(request['path']), 0) as base:
        for path, info in walk(base, lambda _: request.get('recursive'), CLOSED):
            yield entry_line(path, info)


def stat_one(request):
    yield entry_line(request['path'], os.stat(at(request['path'])))


def make_folder(request):
    missing = [at(request['path'])]
    while missing:
        path = missing.pop()
        parent = os.path.dirname(path)
        try:
            os.mkdir(path)
        except OSError as error:
            if not request.get('recursive'):
                raise
            if error.errno == errno.ENOENT and not os.path.isdir(parent):
                missing += [path, parent]
            elif not os.path.isdir(path):
                raise
        yield


def move(request):
    os.rename(at(request['path']), at(request['to']))
    yield


def delete(request):
    root = at(request['path']).rstrip('/') or '/'  # with a slash a link would be followed
    try:
        return os.unlink(root)
    except IsADirectoryError:
        if not request.get('recursive'):
            raise
    yield from delete_folder(root, None)


def delete_folder(root, parent):
    with Folder(root, os.O_NOFOLLOW, parent) as base:
        folders = []
        for path, info in walk(base, lambda path: len(path) < FAR, GONE):
            yield
            if stat.S_ISDIR(info.st_mode):
                folders.append(path)
            else:
                unless_gone(os.unlink, path, base)
        while folders:
            yield
            path = folders.pop()
            if len(path) < FAR:
                unless_gone(os.rmdir, path, base)
            else:
                yield from delete_folder(path, base)
    unless_gone(os.rmdir, root, parent)


def unless_gone(remove, path, base=None):
    try:
        remove(path, dir_fd=base)
    except FileNotFoundError:
        pass


FILES = {
    'read': read,
    'write': write,
    'list': list_folder,
    'stat': stat_one,
    'mkdir': make_folder,
    'move': move,
    'delete': delete,
}


# What they are made of


def check(request):
    """A ValueError where a field makes no sense; paths are the system calls' to refuse."""
    for name in ('offset', 'length', 'mode'):
        value = request.get(name, 0)
        if type(value) is not int or not 0 <= value <= (0o7777 if name == 'mode' else 2**53):
            raise ValueError(name)
    for name in ('atomic', 'recursive'):
        if type(request.get(name, False)) is not bool:
            raise ValueError(name)


def at(path):
    return os.path.join(WORKSPACE, path)


def check_regular(mode):
    if stat.S_ISDIR(mode):
        raise refusal(errno.EISDIR)
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, 'Not a regular file')


def open_regular(path, flags):
    """Without waiting for anything. Nothing is cut yet: it could be no file."""
    fd = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, 0o644)
    try:
        check_regular(os.fstat(fd).st_mode)
    except OSError:
        os.close(fd)
        raise
    return os.fdopen(fd, 'wb' if flags & os.O_WRONLY else 'rb', buffering=0)


class Folder:
    """An open one, for paths that begin in it."""

    def __init__(self, path, flags, base=None):
        self.fd = os.open(path, flags | os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=base)

    def __enter__(self):
        return self.fd

    def __exit__(self, *_):
        os.close(self.fd)


def walk(base, enters, skipped):
    """What is beneath an open folder, with its path there: a folder before what is in it."""
    folders = ['']
    while folders:
        under = folders.pop()
        try:
            for name, info in entries(under or '.', base):
                path = os.path.join(under, name)
                if stat.S_ISDIR(info.st_mode) and enters(path):
                    folders.append(path)
                yield path, info
        except OSError as error:
            if not under or error.errno not in skipped:
                raise


def entries(path, base):
    with Folder(path, os.O_NOFOLLOW, base) as folder, os.scandir(folder) as found:
        for entry in found:
            try:
                info = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # it went while we looked
            yield entry.name, info


def describe(info):
    mode = stat.S_IMODE(info.st_mode)
    return {'size': info.st_size, 'mtimeMs': info.st_mtime_ns / 1e6, 'mode': mode}


def entry_line(path, info):
    kind = KINDS.get(stat.S_IFMT(info.st_mode), 'other')
    return as_json({'path': path, 'type': kind, **describe(info)}) + b'\n'


def link_node_modules():
    def link():
        if os.path.isdir('/app/node_modules'):
            os.symlink('/app/node_modules', at('node_modules'))

    try:
        as_nobody(link)
    except OSError:
        pass  # it is there
