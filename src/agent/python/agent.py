import _signal as signal
import errno
import gc
import os
import select
import sys
import time

from .contexts import Context
from .deadlines import Deadlines
from .files import FILES, check, link_node_modules
from .frames import (
    CHUNK,
    CONFIG,
    CREDIT,
    DATA,
    DONE,
    EOF,
    HEADER,
    HELLO,
    MAX_FRAME,
    PING,
    REQUEST,
    SIGNAL,
    SILENCE_S,
    SPARE_PAUSE_S,
    STDIN,
    TO_KEEP,
    VERSION,
    WORKSPACE,
    refusal,
    write_all,
)
from .identity import SIGNALS, Verdicts
from .jobs import Giving, Taking
from .notation import as_json, from_json
from .preload import Failure, MATPLOTLIB, preload
from .programs import Waiting, check_call, check_name, settings_of
from .rehearse import rehearse
from .rich import prepare_display
from .zygote import Nursery, start_zygote

REFUSALS = {errno.EAGAIN: 'pids', errno.ENOMEM: 'oom'}


class Agent:
    def __init__(self):
        self.epoll = select.epoll()
        self.handlers = {}
        self.jobs = {}
        self.deadlines = Deadlines(self.jobs)
        self.heard = time.monotonic()
        self.programs = {}
        self.spares = []
        self.waiting = []
        self.wanted_spares = 1
        self.spare_at = 0
        self.taken = 0
        self.inbox = bytearray()
        self.outbox = bytearray()
        self.turns = []
        self.contexts = {}
        os.environ.update(HOME=WORKSPACE, LANG='C.UTF-8', PYTHONUNBUFFERED='1')
        for name, value in (('MPLBACKEND', 'Agg'), ('MPLCONFIGDIR', MATPLOTLIB)):
            os.environ.setdefault(name, value)
        self.verdicts = Verdicts()

    # The loop

    def main(self, code_cache):
        """Serves until the host is gone. In a child that was given code to run, returns the job."""
        hello = {'version': VERSION, 'language': sys.version.split()[0]}
        try:
            kept = preload(CONFIG['preload']) if CONFIG.get('preload') else []
        except Failure as failure:
            self.send(HELLO, 0, as_json({**hello, 'failed': failure.args[0]}))
            self.flush()
            while os.read(0, CHUNK):
                pass
            os._exit(0)
        link_node_modules()
        prepare_display()
        rehearse()  # what the interpreter makes at its first compile, children need not make again
        gc.freeze()  # what is here now is shared by every child: their collections leave it alone
        socket, job = start_zygote(kept)
        if job:
            return job
        self.nursery = Nursery(self, socket)
        self.nursery.ask()
        self.wake, wake_up = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(wake_up, False)
        signal.set_wakeup_fd(wake_up, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.watch(self.wake, select.EPOLLIN, self.reap)
        self.watch(socket.fileno(), select.EPOLLIN, self.nursery.hear)
        self.rehearse_run()
        self.watch(0, select.EPOLLIN, self.receive)
        self.give_compiled(code_cache)
        self.send(HELLO, 0, as_json(hello))
        while True:
            self.flush()
            self.turn()

    def rehearse_run(self):
        """One run for nobody: the first that counts finds the pages of all of us touched."""
        self.request(0, as_json({'op': 'run', 'code': "print(end='')"}))
        while self.jobs:
            self.turn()
        self.outbox.clear()
        self.taken = self.spare_at = 0
        while len(self.spares) < self.wanted_spares:
            self.turn()

    def turn(self):
        ready = self.epoll.poll(0 if self.turns else self.deadlines.left(self.pause()))
        if not ready and not self.pause():
            self.have_children()
        for fd, _ in ready:
            handler = self.handlers.get(fd)
            if handler:
                handler()
        if self.turns:
            self.step(self.turns.pop(0))
        # After what has come was read: a container that was frozen has not heard anything meanwhile.
        if time.monotonic() - self.heard > SILENCE_S:
            os._exit(0)  # the host has not even pinged: it is gone, though its socket is not
        self.deadlines.check()

    def pause(self):
        """How long it may sleep before it makes the next spare."""
        if self.nursery.expected or len(self.spares) >= self.wanted_spares:
            return SILENCE_S
        return max(0, self.spare_at - time.monotonic())

    def watch(self, fd, events, handler):
        if fd not in self.handlers:
            self.handlers[fd] = handler
            self.epoll.register(fd, events)

    def unwatch(self, fd):
        if self.handlers.pop(fd, None):
            self.epoll.unregister(fd)

    def receive(self):
        data = os.read(0, CHUNK)
        if not data:
            os._exit(0)
        self.heard = time.monotonic()
        self.inbox += data
        while len(self.inbox) >= HEADER.size:
            kind, id, length = HEADER.unpack_from(self.inbox)
            if length > MAX_FRAME:
                raise ValueError('a frame of %d bytes' % length)
            end = HEADER.size + length
            if len(self.inbox) < end:
                return
            payload = bytes(self.inbox[HEADER.size : end])
            del self.inbox[:end]
            self.frame(kind, id, payload)

    def frame(self, kind, id, payload):
        if kind == REQUEST:
            return self.request(id, payload)
        if kind == PING:
            return self.send(PING, id, payload)
        job = self.jobs.get(id)
        if job is None:  # it ended while this was on its way
            return None
        if isinstance(job, Waiting):
            return job.keep(kind, payload)
        try:
            if kind == DATA:
                job.data(payload[1:])
            elif kind == EOF:
                job.eof()
            elif kind == CREDIT:
                job.credit(payload[0], int.from_bytes(payload[1:], 'big'))
            elif kind == SIGNAL:
                if payload in SIGNALS:
                    job.signal(SIGNALS[payload])
        except OSError as error:
            self.fail(id, error)

    def request(self, id, payload):
        try:
            request = from_json(payload)
            if request['op'] == 'run':
                return self.run(id, request)
            if request['op'] == 'open':
                return self.open(id, request)
            if request['op'] == 'exec':
                return self.exec(id, request)
            check(request)
            kind = Taking if request['op'] == 'write' else Giving
            self.jobs[id] = kind(self, id, FILES[request['op']](request))
            self.step(id)
        except Exception as error:
            self.fail(id, error)

    def step(self, id):
        job = self.jobs.get(id)
        if job and job.step():
            self.turns.append(id)

    # What goes out

    def send(self, kind, id, payload):
        self.outbox += HEADER.pack(kind, id, len(payload))
        self.outbox += payload
        if len(self.outbox) > CHUNK:
            self.flush()

    def flush(self):
        """Once a turn: a run's last output and its end take engine and host one read, not two."""
        if self.outbox:
            write_all(1, self.outbox)
            self.outbox = bytearray()

    def give_compiled(self, code_cache):
        """For the next container of the image, where this one was given the source."""
        for at in range(0, len(code_cache or b''), CHUNK):
            self.send(TO_KEEP, 0, code_cache[at : at + CHUNK])

    def credit(self, id, amount):
        self.send(CREDIT, id, bytes([STDIN]) + amount.to_bytes(4, 'big'))

    def done(self, id, answer):
        self.deadlines.drop(id)
        if self.jobs.pop(id, None) is not None or 'error' in answer:
            self.send(DONE, id, as_json(answer))

    def fail(self, id, error):
        if not isinstance(error, OSError):  # it makes no sense, or no system call takes it
            error = refusal(errno.EINVAL)
        code = errno.errorcode.get(error.errno, 'EIO')
        self.done(id, {'error': {'code': code, 'message': error.strerror or str(error)}})

    # Programs

    def run(self, id, request):
        code, call = request['code'].lstrip('\ufeff'), request.get('call')
        check_call(call)
        if 'context' not in request:
            settings = settings_of(request, request.get('args') or [], code=code, call=call)
            if 'import' in code:
                self.nursery.want_usual()
            self.start(Waiting(id, settings))
            return self.deadlines.add(id, request)
        name = check_name(request['context'])
        if call or name not in self.contexts:
            raise refusal(errno.EINVAL if call else errno.ESRCH)
        self.contexts[name].run(id, {'code': code})
        self.deadlines.add(id, request)

    def open(self, id, request):
        name = check_name(request['context'])
        if name in self.contexts:
            raise refusal(errno.EEXIST)
        settings = settings_of(request, [], context=True)
        context = self.contexts[name] = Context(self, name, id)
        self.start(Waiting(id, settings, context))

    def exec(self, id, request):
        settings = settings_of(request, request['argv'], exec=True)
        if not settings['args']:
            raise ValueError('nothing to execute')
        self.start(Waiting(id, settings))
        self.deadlines.add(id, request)

    def start(self, waiting):
        self.taken += 1
        self.spare_at = time.monotonic() + SPARE_PAUSE_S
        self.jobs[waiting.id] = waiting
        self.waiting.append(waiting)
        if self.spares:
            self.serve_next(self.spares.pop(0))
        else:
            self.have_children()

    # What becomes of children

    def have_children(self):
        """One at a time, while somebody waits or there are to be more in stock."""
        while not self.nursery.expected and (self.waiting or not self.pause()):
            try:
                self.nursery.ask()
            except OSError as error:
                self.refused(error)

    def born(self, program):
        self.programs[program.pid] = program
        if self.waiting:
            self.serve_next(program)
        else:
            self.spares.append(program)

    def serve_next(self, program):
        waiting = self.waiting.pop(0)
        self.jobs[waiting.id] = program
        program.serve(waiting)
        for kind, payload in waiting.frames:
            self.frame(kind, waiting.id, payload)

    def refused(self, error):
        if not self.waiting:
            self.wanted_spares = len(self.spares)  # until a run has ended
            return
        waiting = self.waiting.pop(0)
        if waiting.context:
            del self.contexts[waiting.context.name]
        cause = REFUSALS.get(error.errno)
        if cause:
            self.done(waiting.id, {'exitCode': None, 'signal': None, 'cause': cause})
        else:
            self.fail(waiting.id, error)

    def ended(self, pid, status, usage):
        program = self.programs.pop(pid)
        if program in self.spares:
            self.spares.remove(program)
            return program.close()
        self.wanted_spares = 1
        if self.taken > 1:
            self.spare_at = 0
        program.exited(status, usage)
        if status:
            self.nursery.want_usual()  # a traceback imports as much

    def reap(self):
        """Orphans: their parents were programs, and then it is us."""
        try:
            os.read(self.wake, CHUNK)
            while os.wait4(-1, os.WNOHANG)[0]:
                pass
        except (BlockingIOError, ChildProcessError):
            pass
