"""Reads the kernel's data of processes, and signals a process and its descendants.

The agent uses this for the processes of programs.
"""

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


def kill_tree(root, number):
    """Signals a process's group and all its descendants, also those in other sessions."""
    parents, groups = {}, {}
    for pid in all_pids():
        try:
            with open('/proc/%d/stat' % pid, 'rb') as file:
                _, parent, group, *_ = file.read().rpartition(b')')[2].split()
                parents[pid], groups[pid] = int(parent), int(group)
        except OSError:
            continue
    found = {root}
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            break
        found |= more
    for target in [-root, *(pid for pid in found if groups.get(pid) != root)]:  # once each
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
