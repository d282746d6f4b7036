"""Reads the kernel's data of processes, and signals a process and its descendants.

The agent uses this for the processes of programs.
"""

import _signal
import os
import time

PAGE_BYTES = os.sysconf('SC_PAGE_SIZE')
# All releases of gVisor have this version.
IS_GVISOR = os.uname().version == '#1 SMP Sun Jan 10 15:06:54 PST 2016'


def cpu_ms_of(pid):
    """Returns the processor time of a process in ms. See clock_getcpuclockid(3)."""
    try:
        return time.clock_gettime((~pid << 3) | 2) * 1000
    except OSError:
        return 0


def own_bytes_of(pid):
    """Returns the memory that no file backs, with the pages that a fork still shares."""
    try:
        with open('/proc/%d/statm' % pid) as file:
            _, resident, shared, *_ = map(int, file.read().split())
    except OSError:
        return 0
    return (resident - shared) * PAGE_BYTES


def thread_count():
    """Returns the number of threads in the container."""
    total = 0
    for pid in all_pids():
        try:
            total += len(os.listdir('/proc/%d/task' % pid))
        except OSError:
            continue
    return total


def signal_tree(root, number):
    """Signals a process's group and all its descendants, also those in other sessions."""
    if number == _signal.SIGKILL:
        others = _stop_tree(root)
    else:  # the group gets the signal once: a process of the group does not get it a second time
        others = [pid for pid, group in _tree_of(root).items() if group != root]
    _signal_all([-root, *others], number)


def _stop_tree(root):
    """Stops the processes, so that none starts another one or leaves the group before it is killed.

    Returns their pids. A process stays one of them if its parent ends: gVisor sends SIGHUP and
    SIGCONT to a stopped group that a process leaves.
    """
    stopped = set()
    while True:
        new = _tree_of(root).keys() - stopped
        if not new:
            return stopped
        _signal_all([-root, *new], _signal.SIGSTOP)
        stopped |= new


def _tree_of(root):
    """Returns the pids in a process's group and of all descendants, each with its group."""
    parents, groups = {}, {}
    for pid in all_pids():
        try:
            with open('/proc/%d/stat' % pid, 'rb') as file:
                _, parent, group, *_ = file.read().rpartition(b')')[2].split()
                parents[pid], groups[pid] = int(parent), int(group)
        except OSError:
            continue
    found = {pid for pid, group in groups.items() if root in (pid, group)}
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            return {pid: groups[pid] for pid in found}
        found |= more


def _signal_all(targets, number):
    for target in targets:
        try:
            os.kill(target, number)
        except OSError:
            continue


def pids_of_user(uid):
    found = []
    for pid in all_pids():
        try:
            if os.stat('/proc/%d' % pid).st_uid == uid:
                found.append(pid)
        except OSError:
            continue
    return found


def all_pids():
    return [int(name) for name in os.listdir('/proc') if name.isdigit()]
