class Program:
    """A child with three pipes. `Outlet` and `Inlet` move what is in them."""

    def __init__(self, agent, pid, stdin, stdout, stderr):
        self.agent, self.pid, self.id, self.exit = agent, pid, 0, None
        self.fds = (stdin, stdout, stderr)
        self.trouble = -1

    def serve(self, id):
        self.id = id
        stdin, stdout, stderr = self.fds
        self.inlet = Inlet(self, stdin)
        self.outlets = [Outlet(self, STDOUT, stdout), Outlet(self, STDERR, stderr)]
        if self.trouble < 0:
            self.open()
        else:
            os.set_blocking(self.trouble, False)
            self.agent.watch(self.trouble, select.EPOLLIN, self.begin)

    def begin(self):
        """It has become its program: the pipe closed. Or it could not: a byte is in it."""
        try:
            has_begun = not os.read(self.trouble, 1)
        except BlockingIOError:
            return
        self.agent.unwatch(self.trouble)
        os.close(self.trouble)
        self.trouble = -1
        if has_begun:
            self.agent.send(STARTED, self.id, as_json({'pid': self.pid}))
        self.open()

    def open(self):
        for outlet in self.outlets:
            outlet.grant(WINDOW)

    def data(self, data):
        self.inlet.data(data)

    def eof(self):
        self.inlet.eof()

    def credit(self, channel, amount):
        if channel in (STDOUT, STDERR):
            self.outlets[channel - 1].grant(amount)
            self.finish()

    def signal(self, number):
        if self.exit is None:
            kill_tree(self.pid, number)

    def exited(self, status, usage):
        if self.trouble >= 0:
            self.begin()
        self.exit = self.agent.verdict(status, usage)
        self.inlet.close()
        for outlet in self.outlets:
            outlet.last()
        self.finish()

    def finish(self):
        if self.exit is not None and all(outlet.over for outlet in self.outlets):
            self.agent.done(self.id, self.exit)


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


class Outlet:
    """A pipe of the program on its way to the host, as far as the host's credit goes."""

    def __init__(self, program, channel, fd):
        self.agent, self.id, self.channel, self.fd = program.agent, program.id, channel, fd
        self.budget, self.tail, self.over = 0, None, False
        os.set_blocking(fd, False)

    def grant(self, amount):
        if self.budget == 0 and self.fd >= 0:
            self.agent.watch(self.fd, select.EPOLLIN, self.pump)
        self.budget += amount
        self.send_tail()

    def pump(self):
        data = self.read(min(CHUNK, self.budget))
        if data:
            self.send(data)
            if self.budget == 0:
                self.agent.unwatch(self.fd)
        elif data == b'':
            self.close()

    def read(self, size):
        try:
            return os.read(self.fd, size)
        except BlockingIOError:
            return None

    def send(self, data):
        self.budget -= len(data)
        self.agent.send(DATA, self.id, bytes([self.channel]) + data)

    def last(self):
        """The program is over: what is in the pipe now still counts, what a child adds does not."""
        tail = bytearray()
        while self.fd >= 0 and len(tail) < TAIL_LIMIT:
            data = self.read(CHUNK)
            if not data:
                break
            tail += data
        self.close()
        self.tail = tail
        self.send_tail()

    def send_tail(self):
        while self.tail and self.budget:
            size = min(CHUNK, self.budget)
            self.send(bytes(self.tail[:size]))
            del self.tail[:size]
        self.over = self.tail is not None and not self.tail

    def close(self):
        if self.fd >= 0:
            self.agent.unwatch(self.fd)
            os.close(self.fd)
            self.fd = -1


class Inlet:
    """What the host sends to the program's stdin; credit goes back as the program reads."""

    def __init__(self, program, fd):
        self.agent, self.id, self.fd = program.agent, program.id, fd
        self.buffer, self.ended = bytearray(), False
        os.set_blocking(fd, False)

    def data(self, data):
        if self.fd < 0:
            return self.agent.credit(self.id, len(data))  # nobody reads: let the host go on
        if len(self.buffer) + len(data) > WINDOW:
            raise ValueError('the host sent more than its credit')
        if not self.buffer:
            self.agent.watch(self.fd, select.EPOLLOUT, self.pump)
        self.buffer += data
        self.pump()

    def eof(self):
        self.ended = True
        if not self.buffer:
            self.close()

    def pump(self):
        try:
            size = os.write(self.fd, self.buffer)
        except BlockingIOError:
            return
        except OSError:  # the program has closed its stdin
            size = len(self.buffer)
            self.close()
        del self.buffer[:size]
        self.agent.credit(self.id, size)
        if not self.buffer and self.fd >= 0:
            self.agent.unwatch(self.fd)
            if self.ended:
                self.close()

    def close(self):
        if self.fd >= 0:
            self.agent.unwatch(self.fd)
            os.close(self.fd)
            self.fd = -1


def settings_of(request, args, **more):
    """What a program is given: a ValueError, in time, where no system call would take it."""
    cwd, env = request.get('cwd'), request.get('env') or {}
    cwd = at(cwd) if cwd else WORKSPACE
    texts = [cwd, *env, *env.values()] + args
    if os.fsencode('\0'.join(texts)).count(0) >= len(texts):
        raise ValueError('a NUL')
    if not all(env) or '=' in ''.join(env):
        raise ValueError('not the name of a variable')
    return {'cwd': cwd, 'env': env, 'args': args, **more}


class Waiting:
    """What the spare does until it gets its code."""

    def __init__(self, fd):
        self.keep = fd

    def __call__(self):
        rehearse()
        with os.fdopen(3, 'rb') as pipe:
            text = pipe.read()
        if not text:
            os._exit(0)
        return json.loads(text)


class Executing:
    """What a child does that becomes another program."""

    def __init__(self, fd, settings):
        self.keep, self.settings = fd, settings

    def __call__(self):
        for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(ignored, signal.SIG_DFL)
        argv, env = self.settings['args'], {**os.environ, **self.settings['env']}
        try:
            os.chdir(self.settings['cwd'])
            os.execvpe(argv[0], argv, env)
        except OSError as error:
            where = self.settings['cwd'] if error.filename == self.settings['cwd'] else argv[0]
            os.write(3, b'!')
            os.write(2, os.fsencode('%s: %s\n' % (where, error.strerror)))
            os._exit(127 if error.errno == errno.ENOENT else 126)
