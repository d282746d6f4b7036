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
        self.inbox = bytearray()
        self.highest_fd = 2
        os.environ.update(HOME=WORKSPACE, LANG='C.UTF-8')
        self.counts = {cause: counter(cause) for cause in COUNTERS}
        self.requests = {
            'run': self.run,
            'exec': self.exec,
            'read': self.read,
            'write': self.write,
            'list': self.list,
        }

    # The loop

    def main(self):
        """Serves until the host is gone. In a child that was given code to run, returns the job."""
        self.wake, wake_up = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(wake_up, False)
        signal.set_wakeup_fd(wake_up, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.watch(self.wake, select.EPOLLIN, self.reap)
        self.watch(0, select.EPOLLIN, self.receive)
        link_node_modules()
        rehearse()  # what the interpreter makes at its first compile, children need not make again
        gc.freeze()  # what is here now is shared by every child: their collections leave it alone
        job = self.prepare_spare()
        if job:
            return job
        self.send(HELLO, 0, as_json({'version': VERSION, 'language': sys.version.split()[0]}))
        while True:
            is_short = len(self.spares) < self.wanted_spares
            ready = self.epoll.poll(0 if is_short else SILENCE_S)
            if time.monotonic() - self.heard > SILENCE_S:
                os._exit(0)  # the host has not even pinged: it is gone, though its socket is not
            if is_short and not ready:  # a fork takes its time: whoever waits goes first
                job = self.prepare_spare()
                if job:
                    return job
            for fd, _ in ready:
                handler = self.handlers.get(fd)
                job = handler and handler()
                if job:
                    return job

    def watch(self, fd, events, handler):
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
            return self.request(id, json.loads(payload))
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
                job.signal(payload[0])
        except OSError as error:
            self.fail(id, error)

    def request(self, id, request):
        try:
            return self.requests[request['op']](id, request)
        except ValueError:  # a name that no system call takes
            self.fail(id, OSError(errno.EINVAL, os.strerror(errno.EINVAL)))
        except OSError as error:
            cause = REFUSALS.get(error.errno) if request['op'] in ('run', 'exec') else None
            if cause is None:
                return self.fail(id, error)
            self.send(DONE, id, as_json({'exitCode': None, 'signal': None, 'cause': cause}))

    # What goes out

    def send(self, kind, id, payload):
        write_all(1, HEADER.pack(kind, id, len(payload)) + payload)

    def credit(self, id, amount):
        self.send(CREDIT, id, bytes([STDIN]) + amount.to_bytes(4, 'big'))

    def done(self, id, answer):
        if self.jobs.pop(id, None) is not None or 'error' in answer:
            self.send(DONE, id, as_json(answer))

    def fail(self, id, error):
        code = errno.errorcode.get(error.errno, 'EIO')
        self.done(id, {'error': {'code': code, 'message': error.strerror or str(error)}})

    # Programs

    def fork(self, before):
        """A child with pipes; in the child `before` runs, and what it returns is the job to do."""
        pipes = as_nobody(lambda: [os.pipe() for _ in range(3)])  # theirs, or /dev/stdout is closed
        (theirs_in, stdin), (stdout, theirs_out), (stderr, theirs_err) = pipes
        self.highest_fd = max(self.highest_fd, *pipes[0], *pipes[1], *pipes[2])
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
        return Program(self, pid, stdin, stdout, stderr), None

    def child(self, before):
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if before.keep > 3:
            os.dup2(before.keep, 3)
        os.closerange(4 if before.keep >= 0 else 3, self.highest_fd + 1)
        os.setsid()
        be_first_victim()
        become_nobody()
        return before()

    def prepare_spare(self):
        """The child that has forked already and waits for its code on a pipe."""
        take, give = os.pipe()
        self.highest_fd = max(self.highest_fd, give)
        try:
            program, job = self.fork(Waiting(take))
        except OSError as error:
            program, job = None, None  # no process to be had: the next run says so
            self.refusal = error
        if job:
            return job
        os.close(take)
        if program is None:
            os.close(give)
            self.wanted_spares = len(self.spares)  # until a run has ended
            return None
        program.give = give
        self.programs[program.pid] = program
        self.spares.append(program)

    def run(self, id, request):
        if not self.spares:
            job = self.prepare_spare()
            if job:
                return job
        if not self.spares:
            raise self.refusal
        program = self.spares.pop(0)
        self.start(id, program)
        try:
            write_all(program.give, as_json(self.settings(request, code=request['code'])))
        except BrokenPipeError:
            pass  # somebody inside killed it: its exit tells
        os.close(program.give)

    def exec(self, id, request):
        program, _ = self.fork(Executing(request['argv'], self.settings(request)))
        self.programs[program.pid] = program
        self.start(id, program)

    def start(self, id, program):
        self.jobs[id] = program
        program.serve(id)

    def settings(self, request, **more):
        return {
            'cwd': request.get('cwd') or WORKSPACE,
            'env': request.get('env') or {},
            'args': request.get('args') or [],
            **more,
        }

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
                self.wanted_spares = SPARES  # one lease, many runs: the next is ready meanwhile
                program.exited(status, usage)

    def forget_spare(self, spare):
        for fd in (*spare.fds, spare.give):
            os.close(fd)
        self.spares.remove(spare)

    def verdict(self, status, usage):
        killer = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        exit = {
            'exitCode': None if killer else os.WEXITSTATUS(status),
            'signal': killer and signal_name(killer),
            'usage': {
                'cpuMs': round((usage.ru_utime + usage.ru_stime) * 1000, 3),
                'maxRssBytes': usage.ru_maxrss * 1024,
            },
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
        return found or ('disk' if is_full(WORKSPACE) or is_full('/tmp') else None)

    # Files

    def read(self, id, request):
        self.give(id, as_nobody(lambda: open_regular(request['path'], os.O_RDONLY)))

    def list(self, id, request):
        self.give(id, io.BytesIO(as_nobody(lambda: listing(at(request['path'])))))

    def give(self, id, file):
        self.jobs[id] = Reading(self, id, file)
        self.jobs[id].pump()

    def write(self, id, request):
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        self.jobs[id] = Writing(self, id, as_nobody(lambda: open_regular(request['path'], flags)))


run_code(Agent().main())
