# Who we are, and who the programs are

import _signal as signal
import os

from .frames import COUNTERS, NOBODY, PIDS, REFUSED, WORKSPACE

is_root = os.getuid() == 0
if is_root:
    os.setgroups([])


def find_prctl():
    """The function, found once: a child has no time to load ctypes."""
    try:
        import _ctypes

        function = _ctypes.dlsym(_ctypes.dlopen(None, 0), 'prctl')
        return lambda *arguments: _ctypes.call_function(function, arguments)
    except Exception:
        return lambda *_: None  # no ctypes: /dev/stdout stays closed to programs, the rest works


prctl = find_prctl()
PR_SET_DUMPABLE = 4


def become_nobody():
    """For good, in a child. Afterwards it may open its own /proc/self again (/dev/stdout is there)."""
    if not is_root:
        return
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)


def be_first_victim():
    """When memory is short, the program goes before the agent."""
    try:
        fd = os.open('/proc/self/oom_score_adj', os.O_WRONLY)
        os.write(fd, b'1000')
        os.close(fd)
    except OSError:
        pass


def as_nobody(action):
    """One file operation with nobody's rights, no more than the programs have."""
    if not is_root:
        return action()
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        return action()
    finally:
        os.seteuid(0)
        os.setegid(0)


# Of two names for one number the first in the alphabet counts, as in `signal.Signals`.
SIGNALS = {
    name.encode(): getattr(signal, name)
    for name in sorted(dir(signal), reverse=True)
    if name.startswith('SIG') and name[3] != '_'
}
SIGNAL_NAMES = {number: name.decode() for name, number in SIGNALS.items()}


def signal_name(number):
    return SIGNAL_NAMES.get(number, 'SIG%d' % number)  # a real-time signal


def counter(cause):
    name, *files = COUNTERS[cause]
    for file in files:
        try:
            with open(file) as lines:
                return next((int(line.split()[1]) for line in lines if line.split()[0] == name), 0)
        except OSError:
            continue
    return 0


def threads():
    """How many there are in the container."""
    total = 0
    for name in os.listdir('/proc'):
        if name.isdigit():
            try:
                total += len(os.listdir('/proc/%s/task' % name))
            except OSError:
                continue
    return total


def is_full(folder):
    try:
        return os.statvfs(folder).f_bavail == 0
    except OSError:
        return False


class Verdicts:
    """How programs ended, and what the kernel refused them."""

    def __init__(self):
        self.counts = {cause: counter(cause) for cause in COUNTERS}
        # gVisor's kernel refuses and does not count: there it is found out as well as it can be.
        self.is_counted = any(os.path.exists(file) for file in COUNTERS['pids'][1:])

    def is_refusal(self, said):
        """Whether a program was refused a process or thread, when it has just said this."""
        return any(word in said for word in REFUSED) and self.is_crowded()

    def is_crowded(self):
        return PIDS and not self.is_counted and threads() >= PIDS

    def of(self, status, usage):
        killer = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        exit = {
            'exitCode': None if killer else os.WEXITSTATUS(status),
            'signal': killer and signal_name(killer),
            'usage': usage,
        }
        if exit['exitCode'] != 0:
            exit['cause'] = self.cause()
        return exit

    def cause(self):
        """What the kernel refused it, if that is why it failed."""
        found = None
        for cause in COUNTERS:
            count = counter(cause)
            if count > self.counts[cause]:
                found = found or cause
            self.counts[cause] = count
        if not found and self.is_crowded():
            return 'pids'
        return found or ('disk' if is_full(WORKSPACE) or is_full('/tmp') else None)
