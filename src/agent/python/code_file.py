"""The file that code is in while it runs. Runs in the agent.

Python reads the lines of an error from it, and the children that a program starts run it.
"""

import os

from .privileges import as_nobody
from .system_calls import write_all

TEMPORARY = '/tmp'


class CodeFile:
    """`path` is the name of the file, even if it could not be written: the code runs anyway."""

    def __init__(self, code, paths, announce=lambda path: None):
        """Writes the file to the first path that is free and can be written.

        Calls `announce` with the path as soon as the file can be used.
        """
        self.identity, data = None, code.encode('utf-8', 'surrogatepass')

        def write():
            fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            try:
                write_all(fd, data)
                self.identity = identity_of(os.fstat(fd))
                announce(self.path)
            except OSError:
                os.unlink(self.path)
                raise
            finally:
                os.close(fd)

        for self.path in paths:
            try:
                return as_nobody(write)
            except OSError:
                continue
        announce(self.path)

    def remove(self):
        """Removes the file. If the program has written to the path, the file is the program's."""

        def remove_own():
            if identity_of(os.lstat(self.path)) == self.identity:
                os.unlink(self.path)

        try:
            if self.identity:
                as_nobody(remove_own)
        except OSError:
            pass  # the program has removed it


def write_main_file(code, cwd, pid, announce):
    """Writes the code of a program to main.py, or to another name if the user has a main.py."""
    other = 'main-%d.py' % pid
    paths = (cwd, 'main.py'), (cwd, other), (TEMPORARY, other)
    return CodeFile(code, [os.path.join(*path) for path in paths], announce)


class CellFiles:
    """The files of a context's cells, which its functions need until its end."""

    def __init__(self, pid):
        self.folder, self.files = '%s/context-%d' % (TEMPORARY, pid), []

    def write(self, code):
        """Writes the file of the next cell, and returns its path."""
        if not self.files:
            ignore_error(lambda: os.mkdir(self.folder))
        name = 'cell-%d.py' % (len(self.files) + 1)
        self.files.append(CodeFile(code, [os.path.join(self.folder, name)]))
        return self.files[-1].path

    def remove(self):
        for file in self.files:
            file.remove()
        ignore_error(lambda: os.rmdir(self.folder))


def ignore_error(action):
    try:
        as_nobody(action)
    except OSError:
        pass  # the folder exists, or the program has put something in


def identity_of(info):
    return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns
