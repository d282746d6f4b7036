"""Reaches the entries of the workspace without following a link. It runs in the agent.

An archive names its entries, and a program could put links in their way at any moment. Therefore
each folder on the way is opened from the one above it.
"""

import errno
import os
import stat

from .config import WORKSPACE
from .file_tree import open_folder
from .system_calls import os_error


class Inside:
    """An entry of the workspace: its name, and its open folder.

    With `makes`, folders that are missing on the way are created.
    """

    def __init__(self, path, makes=False):
        *folders, self.name = names_of(path)
        self.folder = open_folder(WORKSPACE, 0)
        try:
            for folder in folders:
                self.enter(folder, makes)
        except BaseException:
            os.close(self.folder)
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.folder)

    def enter(self, name, makes):
        try:
            inner = self.open_inner(name)
        except FileNotFoundError:
            if not makes:
                raise
            os.mkdir(name, 0o755, dir_fd=self.folder)
            inner = self.open_inner(name)
        os.close(self.folder)
        self.folder = inner

    def open_inner(self, name):
        return open_folder(name, os.O_NOFOLLOW, self.folder)

    def mode(self):
        return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False).st_mode

    def remove(self):
        """Removes an entry, so that a new one can have its name. It fails for a folder."""
        try:
            os.unlink(self.name, dir_fd=self.folder)
        except FileNotFoundError:
            pass

    def make_folder(self):
        """Creates a folder, also in the place of a link. A folder that exists is not an error."""
        try:
            os.mkdir(self.name, dir_fd=self.folder)
        except FileExistsError:
            mode = self.mode()
            if stat.S_ISLNK(mode):
                self.remove()
                os.mkdir(self.name, dir_fd=self.folder)
            elif not stat.S_ISDIR(mode):
                raise


def names_of(path):
    names = path.split('/')
    if not all(names) or '.' in names or '..' in names:
        raise os_error(errno.EINVAL)
    return names
