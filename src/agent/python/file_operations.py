"""The operations of file requests, each a generator. They run in the agent, as user nobody.

A dict that a generator yields is sent as `started`, bytes are sent on stream 1, and None is only a
place to pause. A generator holds the open files: if it ends, for any reason, it closes them and
removes incomplete files.
"""

import errno
import os
import stat

from .archive_operations import ARCHIVE_OPERATIONS
from .config import WORKSPACE
from .file_contents import contents, describe
from .file_tree import GONE, Folder, check_regular, open_regular, walk
from .json_codec import to_json
from .system_calls import write_all

TYPES = {stat.S_IFREG: 'file', stat.S_IFDIR: 'directory', stat.S_IFLNK: 'symlink'}
UNREADABLE = (*GONE, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG)
MAX_DELETE_PATH = (
    900  # characters; a longer path is deleted from a folder on it: calls take 4096 bytes
)


def absolute(path):
    return os.path.join(WORKSPACE, path)


def read(request):
    offset, left = request.get('offset') or 0, request.get('length')
    with open_regular(absolute(request['path']), os.O_RDONLY) as file:
        yield from contents(file.fileno(), offset, left)


def write(request):
    """Gets the bytes by `send`, and None at their end."""
    path, mode, new = absolute(request['path']), request.get('mode'), None
    flags = os.O_WRONLY | os.O_CREAT
    if request.get('atomic'):
        old_mode = mode_to_keep(path)
        mode = old_mode if mode is None else mode
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
            file.close()  # some file systems report only here that they are full
            if new:
                os.rename(new, path)
        except BaseException:
            if new:
                unless_gone(os.unlink, new)
            raise


def mode_to_keep(path):
    """Returns the mode of the file to replace; 0o644 for a new file or in place of a link."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return 0o644
    if stat.S_ISLNK(mode):
        return 0o644
    check_regular(mode)
    return stat.S_IMODE(mode)


def list_folder(request):
    with Folder(absolute(request['path']), 0) as base:
        for path, info in walk(base, lambda _: request.get('recursive'), UNREADABLE):
            yield entry_line(path, info, target_of(path, info, base))


def stat_path(request):
    yield entry_line(request['path'], os.stat(absolute(request['path'])))


def make_folder(request):
    missing = [absolute(request['path'])]
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
    os.rename(absolute(request['path']), absolute(request['to']))
    yield


def delete(request):
    root = absolute(request['path']).rstrip('/') or '/'  # a path that ends in / follows a link
    try:
        return os.unlink(root)
    except IsADirectoryError:
        if not request.get('recursive'):
            raise
    yield from delete_folder(root, None)


def delete_folder(root, parent):
    with Folder(root, os.O_NOFOLLOW, parent) as base:
        folders = []
        for path, info in walk(base, lambda path: len(path) < MAX_DELETE_PATH, GONE):
            yield
            if stat.S_ISDIR(info.st_mode):
                folders.append(path)
            else:
                unless_gone(os.unlink, path, base)
        while folders:
            yield
            path = folders.pop()
            if len(path) < MAX_DELETE_PATH:
                unless_gone(os.rmdir, path, base)
            else:
                yield from delete_folder(path, base)
    unless_gone(os.rmdir, root, parent)


def unless_gone(remove, path, base=None):
    try:
        remove(path, dir_fd=base)
    except FileNotFoundError:
        pass


def target_of(path, info, base):
    """Returns the target of a link as a field, or no field if the link is gone meanwhile."""
    if not stat.S_ISLNK(info.st_mode):
        return {}
    try:
        return {'target': os.readlink(path, dir_fd=base)}
    except OSError:
        return {}


def entry_line(path, info, more={}):
    type = TYPES.get(stat.S_IFMT(info.st_mode), 'other')
    return to_json({'path': path, 'type': type, **describe(info), **more}) + b'\n'


FILE_OPERATIONS = {
    'read': read,
    'write': write,
    'list': list_folder,
    'stat': stat_path,
    'mkdir': make_folder,
    'move': move,
    'delete': delete,
    **ARCHIVE_OPERATIONS,
}
