"""The open descriptors of a process, and the treatment of inherited ones in a fork.

The agent uses this before it forks; the zygote and spares use it after a fork.
"""

import os
import stat


def open_descriptors():
    folder = os.open('/proc/self/fd', os.O_RDONLY)
    try:
        return {int(name) for name in os.listdir(folder)} - {folder}
    finally:
        os.close(folder)


def close_others(kept, last):
    """Closes all descriptors from 4 to `last`, except those of `kept`, which is sorted."""
    first = 4
    for fd in (*kept, last + 1):
        os.closerange(first, fd)
        first = fd + 1


def reopen_files(fds):
    """Opens inherited files again: the processes would share the position in each."""
    for fd in fds:
        try:
            if stat.S_ISREG(os.fstat(fd).st_mode):
                import fcntl

                flags = fcntl.fcntl(fd, fcntl.F_GETFL) & ~(os.O_CREAT | os.O_EXCL | os.O_TRUNC)
                own = os.open('/proc/self/fd/%d' % fd, flags)
                os.lseek(own, os.lseek(fd, 0, os.SEEK_CUR), os.SEEK_SET)
                os.dup2(own, fd, os.get_inheritable(fd))
                os.close(own)
        except OSError:
            continue  # the module has closed it, or user nobody may not open it
