REFUSALS = {errno.EAGAIN: 'pids', errno.ENOMEM: 'oom'}


class Agent:
    def __init__(self):
        self.epoll = select.epoll()
        self.handlers = {}
        self.jobs = {}
        self.heard = time.monotonic()
        self.programs = {}
        self.spares = []
        self.refusal = None
        self.wanted_spares = 1
        self.spare_at = 0
        self.taken = 0
        self.inbox = bytearray()
        self.turns = []
        self.highest_pipe = 2
        self.contexts = {}
        self.kept = []
        os.environ.update(HOME=WORKSPACE, LANG='C.UTF-8', PYTHONUNBUFFERED='1')
        for name, value in (('MPLBACKEND', 'Agg'), ('MPLCONFIGDIR', MATPLOTLIB)):
            os.environ.setdefault(name, value)
        self.verdicts = Verdicts()

    # The loop

    def main(self):
        """Serves until the host is gone. In a child that was given code to run, returns the job."""
        hello = {'version': VERSION, 'language': sys.version.split()[0]}
        try:
            self.kept = preload(CONFIG['preload']) if CONFIG.get('preload') else []
        except Failure as failure:
            self.send(HELLO, 0, as_json({**hello, 'failed': failure.args[0]}))
            while os.read(0, CHUNK):
                pass
            os._exit(0)
        self.wake, wake_up = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(wake_up, False)
        signal.set_wakeup_fd(wake_up, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.watch(self.wake, select.EPOLLIN, self.reap)
        self.watch(0, select.EPOLLIN, self.receive)
        link_node_modules()
        prepare_display()
        rehearse()  # what the interpreter makes at its first compile, children need not make again
        gc.freeze()  # what is here now is shared by every child: their collections leave it alone
        job = self.prepare_spare()
        if job:
            return job
        self.give_compiled()
        self.send(HELLO, 0, as_json(hello))
        while True:
            ready = self.epoll.poll(0 if self.turns else self.pause())
            if time.monotonic() - self.heard > SILENCE_S:
                os._exit(0)  # the host has not even pinged: it is gone, though its socket is not
            if not ready and not self.pause():  # a fork takes its time: whoever waits goes first
                job = self.prepare_spare()
                if job:
                    return job
            for fd, _ in ready:
                handler = self.handlers.get(fd)
                job = handler and handler()
                if job:
                    return job
            if self.turns:
                self.step(self.turns.pop(0))

    def pause(self):
        """How long it may sleep."""
        if len(self.spares) >= self.wanted_spares:
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
                return None
            payload = bytes(self.inbox[HEADER.size : end])
            del self.inbox[:end]
            job = self.frame(kind, id, payload)
            if job:
                return job

    def frame(self, kind, id, payload):
        if kind == REQUEST:
            return self.request(id, payload)
        if kind == PING:
            return self.send(PING, id, payload)
        job = self.jobs.get(id)
        if job is None:  # it ended while this was on its way
            return None
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
            request = json.loads(payload)
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
        except OSError as error:  # of a program: file requests deal with their own
            cause = REFUSALS.get(error.errno)
            if cause is None:
                return self.fail(id, error)
            self.send(DONE, id, as_json({'exitCode': None, 'signal': None, 'cause': cause}))
        except Exception as error:
            self.fail(id, error)

    def step(self, id):
        job = self.jobs.get(id)
        if job and job.step():
            self.turns.append(id)

    # What goes out

    def send(self, kind, id, payload):
        write_all(1, HEADER.pack(kind, id, len(payload)) + payload)

    def give_compiled(self):
        """For the next container of the image, where this one was given the source."""
        for at in range(0, len(COMPILED or b''), CHUNK):
            self.send(TO_KEEP, 0, COMPILED[at : at + CHUNK])

    def credit(self, id, amount):
        self.send(CREDIT, id, bytes([STDIN]) + amount.to_bytes(4, 'big'))

    def done(self, id, answer):
        if self.jobs.pop(id, None) is not None or 'error' in answer:
            self.send(DONE, id, as_json(answer))

    def fail(self, id, error):
        if not isinstance(error, OSError):  # it makes no sense, or no system call takes it
            error = refusal(errno.EINVAL)
        code = errno.errorcode.get(error.errno, 'EIO')
        self.done(id, {'error': {'code': code, 'message': error.strerror or str(error)}})

    # Programs

    def fork(self, before, sockets=()):
        """A child with pipes; in the child `before` runs, and what it returns is the job to do."""
        pipes = as_nobody(lambda: [self.pipe() for _ in range(3)])  # or /dev/stdout is closed to it
        (theirs_in, stdin), (stdout, theirs_out), (stderr, theirs_err) = pipes
        theirs = (theirs_in, theirs_out, theirs_err)
        try:
            pid = os.fork()
        except OSError:
            for fd in (*theirs, stdin, stdout, stderr):
                os.close(fd)
            raise
        if pid == 0:
            try:
                for number, fd in enumerate(theirs):
                    os.dup2(fd, number)
                return None, self.child(before)
            except BaseException as error:
                os.write(2, ('%s\n' % error).encode())
                os._exit(126)
        for fd in theirs:
            os.close(fd)
        return Program(self, pid, stdin, stdout, stderr, sockets), None

    def pipe(self, make=os.pipe):
        ends = make()
        self.highest_pipe = max(self.highest_pipe, *ends)
        return ends

    def child(self, before):
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(before.keep, 3, inheritable=False)
        highest = self.highest_pipe
        if any(isinstance(job, FileJob) for job in self.jobs.values()):  # what these have open, too
            highest = max(map(int, os.listdir('/proc/self/fd')))
        close_others(self.kept, highest)
        os.setsid()
        be_first_victim()
        become_nobody()
        reopen(self.kept)
        return before()

    def prepare_spare(self):
        """The child that has forked already and waits for its code on a socket."""
        *ours, theirs = self.pipe(socket_pair)
        try:
            program, job = self.fork(Waiting(theirs), ours)
        except OSError as error:
            program, job = None, None  # no process to be had: the next run says so
            self.refusal = error
        if job:
            return job
        os.close(theirs)
        if program is None:
            for fd in ours:
                os.close(fd)
            self.wanted_spares = len(self.spares)  # until a run has ended
            return None
        self.programs[program.pid] = program
        self.spares.append(program)

    def run(self, id, request):
        code, call = request['code'].lstrip('\ufeff'), request.get('call')
        check_call(call)
        if 'context' not in request:
            settings = settings_of(request, request.get('args') or [], code=code, call=call)
            return self.take_spare(id, settings)
        name = check_name(request['context'])
        if call or name not in self.contexts:
            raise refusal(errno.EINVAL if call else errno.ESRCH)
        self.contexts[name].run(id, {'code': code})

    def open(self, id, request):
        name = check_name(request['context'])
        if name in self.contexts:
            raise refusal(errno.EEXIST)
        settings = settings_of(request, [], context=True)
        return self.take_spare(id, settings, Context(self, name, id))

    def take_spare(self, id, settings, context=None):
        if not self.spares:
            job = self.prepare_spare()
            if job:
                return job
        if not self.spares:
            raise self.refusal
        program = self.spares.pop(0)
        self.taken += 1
        self.spare_at = time.monotonic() + SPARE_PAUSE_S if self.taken == 1 else 0
        if context:
            context.take(program)
        self.start(id, program)
        program.give(settings)

    def exec(self, id, request):
        settings = settings_of(request, request['argv'])
        if not settings['args']:
            raise ValueError('nothing to execute')
        take, give = self.pipe()
        try:
            program, _ = self.fork(Executing(give, settings))
        except OSError:
            os.close(take)
            raise
        finally:
            os.close(give)
        program.trouble = take
        self.programs[program.pid] = program
        self.start(id, program)

    def start(self, id, program):
        self.jobs[id] = program
        program.serve(id)

    def reap(self):
        try:
            os.read(self.wake, CHUNK)
        except BlockingIOError:
            pass
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            program = self.programs.pop(pid, None)
            if program in self.spares:
                self.forget_spare(program)
            elif program:
                self.wanted_spares = min(self.taken, SPARES)  # many runs: the next is ready meanwhile
                program.exited(status, usage)

    def forget_spare(self, spare):
        spare.close()
        self.spares.remove(spare)


run_code(Agent().main())
