"""The users of the processes: agent and zygote are root, programs are the owner of the workspace.

The owner is user nobody, or an id of this container alone, which comments call nobody, too. In a
pod, root owns the workspace, and its group has the id. The agent does file operations as nobody. If
the agent is not root, nothing here changes a user.
"""

import os

from .config import WORKSPACE
from .system_calls import c_function

SHARED_NOBODY = 65534
_workspace = os.stat(WORKSPACE)
NOBODY = _workspace.st_uid or _workspace.st_gid or SHARED_NOBODY
PR_SET_DUMPABLE = 4
IS_ROOT = os.getuid() == 0
HAS_OWN_USER = IS_ROOT and NOBODY != SHARED_NOBODY
USER_NAME = 'sandbox'  # the name of a user that no other container has


# Without ctypes programs cannot open /dev/stdout, and the rest works.
prctl = c_function('prctl')


def drop_groups():
    """Takes the supplementary groups of root from the agent."""
    if IS_ROOT:
        os.setgroups([])


def become_nobody():
    """Changes the user for good, and lets the process open its own /proc/self (/dev/stdout)."""
    if not IS_ROOT:
        return
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)


def as_nobody(action):
    """Calls a function with the rights of the programs, and returns its result."""
    if not IS_ROOT:
        return action()
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        return action()
    finally:
        os.seteuid(0)
        os.setegid(0)


def be_first_oom_victim():
    """Lets the kernel kill this process before the agent if memory is short."""
    try:
        fd = os.open('/proc/self/oom_score_adj', os.O_WRONLY)
        os.write(fd, b'1000')
        os.close(fd)
    except OSError:
        pass
