"""Opens files and walks through folders safely while programs change them. It runs in the agent."""

import errno
import os
import stat

from .system_calls import os_error

PROC_DEVICE = os.stat('/proc').st_dev
# Errors of a path that was deleted meanwhile, or whose place something else has taken
GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


def check_regular(mode):
    if stat.S_ISDIR(mode):
        raise os_error(errno.EISDIR)
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, 'Not a regular file')


def check_place(fd, device):
    """Refuses what /proc tells about a process. A link of a program could lead to the agent's own.

    The kernel tells the place of the open file, so it does not matter by which path it was opened.
    """
    if device == PROC_DEVICE:
        _, _, process, *rest = (os.readlink('/proc/self/fd/%d' % fd) + '/').split('/')
        if process.isdigit() and rest[0] != 'net':  # /proc/net is a link to that of a process
            raise os_error(errno.EACCES)


def open_regular(path, flags, base=None):
    """Opens a regular file, and waits for nothing else.

    It does not cut the file yet, because the path could be of something that is not a file.
    """
    flags |= os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    fd = os.open(path, flags, 0o644, dir_fd=base)
    try:
        info = os.fstat(fd)
        check_regular(info.st_mode)
        check_place(fd, info.st_dev)
    except OSError:
        os.close(fd)
        raise
    return os.fdopen(fd, 'wb' if flags & os.O_WRONLY else 'rb', buffering=0)


def open_folder(path, flags, base=None):
    """Opens a folder. With O_NOFOLLOW, a link is an error.

    It is opened without O_DIRECTORY, because gVisor follows a link then in spite of O_NOFOLLOW.
    """
    flags |= os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    fd = os.open(path, flags, dir_fd=base)
    try:
        info = os.fstat(fd)
        if not stat.S_ISDIR(info.st_mode):
            raise os_error(errno.ENOTDIR)
        check_place(fd, info.st_dev)
    except OSError:
        os.close(fd)
        raise
    return fd


class Folder:
    """An open folder. Its descriptor is the base of relative paths."""

    def __init__(self, path, flags, base=None):
        self.fd = open_folder(path, flags, base)

    def __enter__(self):
        return self.fd

    def __exit__(self, *_):
        os.close(self.fd)


def walk(base, enters, skipped):
    """Yields all entries beneath an open folder with their paths, a folder before its content.

    `enters` decides by its path whether a folder is walked through. `skipped` are the errors of
    folders that are left out.
    """
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
                continue  # it was deleted meanwhile
            yield entry.name, info
