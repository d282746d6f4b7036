# The process that every program is forked from; it does nothing else
#
# A fork takes its time: under gVisor it holds its parent up for 5 ms, and costs it each page anew
# that it touches next. So it is not the agent who forks. The zygote has no user's data either: it
# was made before the first came. It is root, as the agent is: programs can do nothing to it.

import _signal as signal
import _socket
import gc
import os
import select
import struct

from .frames import CHUNK, refusal
from .identity import as_nobody, be_first_victim, become_nobody
from .line import line
from .preload import close_others, descriptors, reopen, reseed
from .programs import Program, execute_program
from .rehearse import prepare_while_idle
from .usual import import_usual

BIRTH = struct.Struct('>ii')  # the pid, or 0 and the errno
END = struct.Struct('>iidq')  # the pid, its status, what it used: CPU in ms, memory in bytes
ENDS = struct.Struct('4i')  # descriptors
PLAIN, WITH_USUAL = b'p', b'u'  # requests


def start_zygote(kept):
    """The agent's end of a socket. Where a job is returned, this is a child that was given it."""
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    if os.fork():
        theirs.close()
        return ours, None
    return None, Zygote(theirs.detach(), kept).serve()


class Zygote:
    """In that process. Its files are those a program has: 3 is its socket, and so are 0 and 1, as
    gVisor lets programs open whatever file is there, but no socket."""

    def __init__(self, socket, kept):
        self.kept = kept
        os.dup2(socket, 3, inheritable=False)
        close_others(kept, max(descriptors()))
        for number in (0, 1):
            os.dup2(3, number)
        self.socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, 3)
        self.wake, wake_up = os.pipe()
        os.set_blocking(wake_up, False)
        signal.set_wakeup_fd(wake_up, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.highest, self.forks, self.has_usual = wake_up, 0, False

    def serve(self):
        poll = select.poll()
        poll.register(self.wake, select.POLLIN)
        poll.register(3, select.POLLIN)
        while True:
            ready = [fd for fd, _ in poll.poll()]
            if self.wake in ready:
                os.read(self.wake, CHUNK)
                self.reap()
            if 3 in ready:
                job = self.fork()
                if job:
                    return job

    def reap(self):
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            cpu = (usage.ru_utime + usage.ru_stime) * 1000
            self.tell(END.pack(pid, status, cpu, usage.ru_maxrss * 1024))

    def tell(self, news):
        try:
            self.socket.send(news)
        except OSError:
            os._exit(0)  # the agent is gone

    def fork(self):
        data, given, *_ = self.socket.recvmsg(1, _socket.CMSG_SPACE(ENDS.size))
        if not data:
            os._exit(0)
        ends = ENDS.unpack(given[0][2])
        try:
            pid, number = os.fork(), 0
        except OSError as error:
            pid, number = None, error.errno
        if pid == 0:
            return self.child(ends)
        self.tell(BIRTH.pack(pid or 0, number))
        for fd in ends:
            os.close(fd)
        self.forks += 1
        if data == WITH_USUAL and not self.has_usual:  # of many runs none has to import these
            self.has_usual = True
            import_usual()
            gc.freeze()  # the children's collections leave these alone, too

    def child(self, ends):
        """The spare: it has forked already and waits for its code on its socket."""
        try:
            self.socket.detach()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for number, fd in enumerate(ends):
                os.dup2(fd, number, inheritable=number < 3)
            close_others(self.kept, max(self.highest, *ends))
            os.setsid()
            be_first_victim()
            become_nobody()
            reopen(self.kept)
            prepare_while_idle(self.forks)
            reseed()
            job = line.begin()
            if job is None:
                os._exit(0)
            return execute_program(job) if job.get('exec') else job
        except BaseException as error:
            os.write(2, ('%s\n' % error).encode())
            os._exit(126)


class Nursery:
    """The agent's end: it has one child made at a time."""

    def __init__(self, agent, socket):
        self.agent, self.socket, self.expected = agent, socket, None
        self.request = PLAIN

    def ask(self):
        """For a child with three pipes and a socket; `born` or `refused` is what comes of it."""
        made = []
        try:
            as_nobody(lambda: [made.extend(os.pipe()) for _ in range(3)])  # it may open /dev/stdout
            made += (end.detach() for end in _socket.socketpair())
            made.append(os.dup(made[6]))  # as reading and writing are watched apart
            stdin, give, take_out, stdout, take_err, stderr, ours, theirs, back = made
            ends = ENDS.pack(stdin, stdout, stderr, theirs)
            self.socket.sendmsg([self.request], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, ends)])
        except OSError:
            close_all(*made)
            raise
        close_all(stdin, stdout, stderr, theirs)
        self.expected = give, take_out, take_err, (ours, back)

    def want_usual(self):
        """The next programs are like to import. Others do without: it makes each fork a tenth dearer."""
        self.request = WITH_USUAL

    def hear(self):
        news = self.socket.recv(END.size)
        if len(news) == BIRTH.size:
            return self.settle(*BIRTH.unpack(news))
        if not news:
            os._exit(1)  # no more programs are to be had: the container is of no use
        pid, status, cpu_ms, max_rss = END.unpack(news)
        self.agent.ended(pid, status, {'cpuMs': cpu_ms, 'maxRssBytes': max_rss})

    def settle(self, pid, number):
        (*pipes, sockets), self.expected = self.expected, None
        if pid:
            self.agent.born(Program(self.agent, pid, *pipes, sockets))
        else:
            close_all(*pipes, *sockets)
            self.agent.refused(refusal(number))
        self.agent.have_children()


def close_all(*fds):
    for fd in fds:
        os.close(fd)
