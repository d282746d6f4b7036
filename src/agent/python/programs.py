import _signal as signal
import errno
import os
import time
import warnings  # noqa: F401: os.execvpe imports it, and a child has no time for that

from .feeds import Inlet, Outlet, Records
from .files import at
from .frames import DATA, LENGTH, STARTED, STDERR, STDOUT, WINDOW, WORKSPACE, write_all
from .notation import as_json


class Program:
    """A child with three pipes and a socket. It may be a context, too."""

    def __init__(self, agent, pid, stdin, stdout, stderr, sockets):
        self.agent, self.pid, self.id, self.exit = agent, pid, 0, None
        self.context = None
        self.cpu_before, self.is_overdue, self.was_refused = 0, False, False
        self.awaits = b''  # what its socket may say beside records
        self.inlet = Inlet(self, stdin)
        self.pipes = [Outlet(self, STDOUT, stdout), Outlet(self, STDERR, stderr)]
        self.records = Records(self, *sockets)
        self.outlets = self.pipes + [self.records]
        if not agent.verdicts.is_counted:
            self.pipes[1].look = self.listen

    def serve(self, waiting):
        """Gives it its code, or what it becomes."""
        self.id = waiting.id
        self.cpu_before = cpu_ms_of(self.pid)  # what it took to become warm is not the program's
        if waiting.context:
            waiting.context.take(self)
        elif waiting.job.get('exec'):
            self.awaits = b'x'
        else:
            self.open()
        self.give(waiting.job)

    def give(self, job):
        text = as_json(job)
        self.records.feed.push(LENGTH.pack(len(text)) + text)

    def begin(self, has_begun):
        """It has become its program: the socket closed. Or it could not, and says so."""
        self.awaits = b''
        if has_begun:
            self.agent.send(STARTED, self.id, as_json({'pid': self.pid}))
        self.open()

    def open(self):
        for outlet in self.outlets:
            outlet.grant(WINDOW)

    def close(self):
        for end in (self.inlet, *self.outlets):
            end.close()

    def data(self, data):
        self.inlet.data(data)

    def eof(self):
        self.inlet.eof()

    def credit(self, channel, amount):
        if STDOUT <= channel <= len(self.outlets):
            self.outlets[channel - 1].grant(amount)
            self.moved()
            self.finish()

    def moved(self):
        """Output has gone out: a record that came after it may follow."""
        if self.records.marks:
            self.records.pump()

    def signal(self, number):
        if self.exit is None:
            kill_tree(self.pid, number)

    def listen(self, said):
        self.was_refused = self.was_refused or self.agent.verdicts.is_refusal(said)

    def end_overdue(self):
        self.is_overdue = True
        self.signal(signal.SIGKILL)

    def exited(self, status, usage):
        usage['cpuMs'] = round(max(0, usage['cpuMs'] - self.cpu_before), 3)
        self.exit = self.agent.verdicts.of(status, usage)
        if self.is_overdue and self.exit['signal']:
            self.exit['cause'] = 'timeout'
        if self.context:
            self.context.closed(self.exit)
        self.inlet.close()
        for outlet in self.outlets:
            outlet.last()
        if self.was_refused and self.exit['exitCode'] != 0 and not self.exit.get('cause'):
            self.exit['cause'] = 'pids'
        self.finish()

    def finish(self):
        if self.exit is not None and all(outlet.over for outlet in self.outlets):
            self.agent.done(self.id, self.exit)

    def ready(self):
        self.context.opened()

    def end_turn(self, code, micros):
        if self.exit is None:  # else it was killed before the host took the output
            self.context.idle()
        usage = {'cpuMs': micros / 1000}
        self.agent.done(self.id, {'exitCode': code, 'signal': None, 'usage': usage})


def cpu_ms_of(pid):
    """The processor time of another process so far, in milliseconds. See clock_getcpuclockid(3)."""
    try:
        return time.clock_gettime((~pid << 3) | 2) * 1000
    except OSError:
        return 0


def kill_tree(root, number):
    """The program's group and whatever descends from it, also in other sessions."""
    parents, groups = {}, {}
    for name in os.listdir('/proc'):
        if name.isdigit():
            try:
                with open('/proc/%s/stat' % name, 'rb') as file:
                    _, parent, group, *_ = file.read().rpartition(b')')[2].split()
                    parents[int(name)], groups[int(name)] = int(parent), int(group)
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


def settings_of(request, args, **more):
    """What a program is given: a ValueError, in time, where no system call would take it."""
    cwd, env = request.get('cwd'), request.get('env') or {}
    cwd = at(cwd) if cwd else WORKSPACE
    time_ms = request.get('timeoutMs')
    if time_ms is not None and (type(time_ms) not in (int, float) or time_ms < 0):
        raise ValueError('not a time')
    texts = [cwd, *env, *env.values()] + args
    if os.fsencode('\0'.join(texts)).count(0) >= len(texts):
        raise ValueError('a NUL')
    if not all(env) or '=' in ''.join(env):
        raise ValueError('not the name of a variable')
    return {'cwd': cwd, 'env': env, 'args': args, **more}


def check_name(name):
    if type(name) is not str or not name:
        raise ValueError('not the name of a context')
    return name


def check_call(call):
    kinds = call and [type(call.get(field)) for field in ('entry', 'args', 'kwargs')]
    if call is not None and kinds != [str, list, dict]:
        raise ValueError('not a call')


class Waiting:
    """A request that waits for its process, and what has come for it meanwhile."""

    def __init__(self, id, job, context=None):
        self.id, self.job, self.context = id, job, context
        self.frames, self.size = [], 0

    def keep(self, kind, payload):
        self.size += len(payload) - 1 if kind == DATA else 0
        if self.size > WINDOW:
            raise ValueError('the host sent more than its credit')
        self.frames.append((kind, payload))


def execute_program(job):
    """In a child, which becomes another program."""
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored, signal.SIG_DFL)
    argv, env = job['args'], {**os.environ, **job['env']}
    try:
        os.chdir(job['cwd'])
        os.execvpe(argv[0], argv, env)
    except OSError as error:
        where = job['cwd'] if error.filename == job['cwd'] else argv[0]
        write_all(3, b'x' + LENGTH.pack(0))
        os.write(2, os.fsencode('%s: %s\n' % (where, error.strerror)))
        os._exit(127 if error.errno == errno.ENOENT else 126)
