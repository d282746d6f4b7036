class Reading:
    """Bytes of a file, or of a listing, on their way to the host."""

    def __init__(self, agent, id, file):
        self.agent, self.id, self.file, self.budget = agent, id, file, WINDOW

    def credit(self, _channel, amount):
        self.budget += amount
        self.pump()

    def pump(self):
        while self.budget:
            data = self.file.read(min(CHUNK, self.budget))
            if not data:
                self.file.close()
                return self.agent.done(self.id, {})
            self.budget -= len(data)
            self.agent.send(DATA, self.id, bytes([STDOUT]) + data)

    def data(self, _data):
        pass

    def eof(self):
        pass

    def signal(self, _number):
        self.file.close()
        self.agent.done(self.id, {})


class Writing:
    """Bytes of the host on their way to a file."""

    def __init__(self, agent, id, file):
        self.agent, self.id, self.file = agent, id, file

    def data(self, data):
        self.file.write(data)
        self.agent.credit(self.id, len(data))

    def eof(self):
        self.file.close()
        self.agent.done(self.id, {})

    def credit(self, _channel, _amount):
        pass

    def signal(self, _number):
        self.eof()


def at(path):
    return os.path.join(WORKSPACE, path)


def open_regular(path, flags):
    fd = os.open(at(path), flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    mode = os.fstat(fd).st_mode
    if not stat.S_ISREG(mode):
        os.close(fd)
        number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise OSError(number, os.strerror(number) if stat.S_ISDIR(mode) else 'not a regular file')
    return os.fdopen(fd, 'wb' if flags & os.O_WRONLY else 'rb', buffering=0)


def listing(folder):
    lines = []
    for entry in os.scandir(folder):
        try:
            lines.append(entry_line(entry))
        except FileNotFoundError:
            continue  # it went while we looked
    return b'\n'.join(sorted(lines))


def entry_line(entry):
    info = entry.stat(follow_symlinks=False)
    kinds = {stat.S_IFREG: 'file', stat.S_IFDIR: 'directory', stat.S_IFLNK: 'symlink'}
    return as_json(
        {
            'name': entry.name,
            'type': kinds.get(stat.S_IFMT(info.st_mode), 'other'),
            'size': info.st_size,
            'mtimeMs': info.st_mtime_ns // 1000000,
        }
    )


def link_node_modules():
    def link():
        if os.path.isdir('/app/node_modules'):
            os.symlink('/app/node_modules', at('node_modules'))

    try:
        as_nobody(link)
    except OSError:
        pass  # it is there
