"""The operations that an export and an import of the workspace make. They run in the agent.

Each one is a generator, as those of file_operations.py. None follows a link.
"""

import errno
import os
import stat

from .file_contents import contents
from .file_tree import open_regular
from .inside import Inside, open_folder
from .system_calls import os_error, write_all


def take(request):
    with Inside(request['path']) as entry:
        file = open_regular(entry.name, os.O_RDONLY | os.O_NOFOLLOW, entry.folder)
    with file:
        yield from contents(file.fileno())


def place(request):
    """Gets the bytes by `send`, and None at their end."""
    with Inside(request['path'], makes=True) as entry:
        entry.remove()
        file = open_regular(entry.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, entry.folder)
    with file:
        os.fchmod(file.fileno(), request['mode'])
        data = yield {}
        while data is not None:
            write_all(file.fileno(), data)
            data = yield
        set_time(file.fileno(), request)


def place_folder(request):
    with Inside(request['path'], makes=True) as entry:
        entry.make_folder()
        fd = open_folder(entry.name, entry.folder)
    try:
        os.fchmod(fd, request['mode'])
        set_time(fd, request)
    finally:
        os.close(fd)
    yield


def place_symlink(request):
    with Inside(request['path'], makes=True) as entry:
        entry.remove()
        os.symlink(request['to'], entry.name, dir_fd=entry.folder)
    yield


def place_link(request):
    with Inside(request['to']) as file, Inside(request['path'], makes=True) as entry:
        if not stat.S_ISREG(file.mode()):
            raise os_error(errno.EINVAL)
        entry.remove()
        folders = {'src_dir_fd': file.folder, 'dst_dir_fd': entry.folder}
        os.link(file.name, entry.name, **folders, follow_symlinks=False)
    yield


def set_time(fd, request):
    if 'mtimeMs' in request:
        time = int(request['mtimeMs'] * 1e6)
        os.utime(fd, ns=(time, time))


ARCHIVE_OPERATIONS = {
    'take': take,
    'place': place,
    'folder': place_folder,
    'symlink': place_symlink,
    'link': place_link,
}
