"""Measures a sandbox from the inside, with the rights of a program. Prints one line of JSON.

Each step is a process of its own: a step that exceeds a limit can end without an answer. Only the
step `reach` sends something, to the addresses that it is given. `probe.cjs` is the same program for
images without Python.
"""

import errno
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time

WALK_S = 6
LONGEST_LIST = 100


def look(open_files, revealing):
    mounts = text_of('/proc/self/mountinfo')
    points = [line.split(' ')[4] for line in mounts.splitlines() if line.count(' ') > 4]
    return {
        'status': text_of('/proc/self/status'),
        'agentStatus': text_of('/proc/1/status'),
        'mounts': mounts,
        'devices': text_of('/proc/net/dev'),
        'routes': text_of('/proc/net/route'),
        'routes6': text_of('/proc/net/ipv6_route'),
        'version': text_of('/proc/version'),
        'variables': dict(os.environ),
        'writable': [point for point in points if os.access(point, os.W_OK)],
        'sizes': {point: size_of(point) for point in points},
        'unmasked': [path for path in revealing if is_unmasked(path)],
        'openFiles': open_until_refused(open_files),
        'userNamespace': makes_user_namespace(),
        **walk(),
    }


def text_of(path):
    try:
        with open(path, encoding='utf-8', errors='replace') as file:
            return file.read()
    except OSError:
        return ''


def size_of(path):
    try:
        found = os.statvfs(path)
    except OSError:
        return 0
    return found.f_blocks * found.f_frsize


def is_unmasked(path):
    """A masked folder is empty, and a masked file is the null device."""
    try:
        found = os.stat(path)
        if stat.S_ISDIR(found.st_mode):
            return bool(os.listdir(path))
        return not stat.S_ISCHR(found.st_mode)
    except OSError:
        return False


def open_until_refused(limit):
    files = []
    try:
        for _ in range(limit + 10):
            files.append(os.open('/dev/null', os.O_RDONLY))
        return {'count': len(files), 'refused': False}
    except OSError as error:
        return {'count': len(files), 'refused': error.errno == errno.EMFILE}
    finally:
        for file in files:
            os.close(file)


def makes_user_namespace():
    try:
        ended = subprocess.run(['unshare', '-U', 'true'], capture_output=True, timeout=5)
        return ended.returncode == 0
    except (OSError, subprocess.SubprocessError):
        return None


def walk():
    """Finds setuid files, and sockets that the container did not make."""
    setuid, sockets, capable = [], [], []
    deadline = time.monotonic() + WALK_S
    for folder, folders, names in os.walk('/'):
        if time.monotonic() > deadline:
            return found(setuid, sockets, capable, False)
        if folder in ('/proc', '/sys', '/dev'):
            folders[:] = []
            continue
        for name in names:
            path = os.path.join(folder, name)
            try:
                mode = os.lstat(path).st_mode
            except OSError:
                continue
            if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
                setuid.append(path)
            if stat.S_ISREG(mode) and mode & stat.S_IXUSR and has_capability(path):
                capable.append(path)
            if stat.S_ISSOCK(mode):
                sockets.append(path)
    return found(setuid, sockets, capable, True)


def found(setuid, sockets, capable, walked):
    lists = {'setuid': setuid, 'sockets': sockets, 'capable': capable}
    return {**{name: paths[:LONGEST_LIST] for name, paths in lists.items()}, 'walked': walked}


def has_capability(path):
    try:
        return bool(os.getxattr(path, 'security.capability', follow_symlinks=False))
    except OSError:
        return False


def fill(path, limit):
    """Writes until the file system is full. Deletes what it wrote."""
    name = os.path.join(path, '.hono-sandbox-doctor')
    block = bytes(256 * 1024)
    written = 0
    try:
        with open(name, 'wb', buffering=0) as file:
            while written < limit:
                written += file.write(block)
        return {'count': written, 'refused': False}
    except OSError as error:
        return {'count': written, 'refused': error.errno in (errno.ENOSPC, errno.EDQUOT)}
    finally:
        try:
            os.unlink(name)
        except OSError:
            pass


def pids(limit):
    """Starts processes until one is refused. Ends them."""
    children = []
    refused = False
    while len(children) < limit and not refused:
        try:
            children.append(os.posix_spawnp('sleep', ['sleep', '30'], {}))
        except OSError as error:
            refused = error.errno in (errno.EAGAIN, errno.ENOMEM)
            if not refused:
                break
    for child in children:
        os.kill(child, signal.SIGKILL)
    for child in children:
        os.waitpid(child, 0)
    return {'count': len(children), 'refused': refused}


def memory(limit):
    """Uses memory up to the limit. The answer exists only if nothing stops it."""
    step = 4 * 1024 * 1024
    held = []
    try:
        while len(held) * step < limit:
            held.append(bytearray(b'x') * step)
        return {'count': len(held) * step, 'refused': False}
    except MemoryError:
        return {'count': len(held) * step, 'refused': True}


def address():
    try:
        return {'address': socket.gethostbyname(socket.gethostname())}
    except OSError:
        return {'address': ''}


def listen(port, seconds):
    """Waits for a connection."""
    with socket.create_server(('0.0.0.0', port)) as server:
        server.settimeout(seconds)
        try:
            server.accept()
            return {'arrived': True}
        except TimeoutError:
            return {'arrived': False}


def reach(host, port, seconds):
    """Tries to connect until it succeeds, or the time is over. Returns the last error."""
    end = time.monotonic() + seconds
    error = 'ETIMEDOUT'
    while (left := end - time.monotonic()) > 0:
        try:
            socket.create_connection((host, port), timeout=left).close()
            return {'error': ''}
        except TimeoutError:
            error = 'ETIMEDOUT'
        except OSError as failure:
            error = errno.errorcode.get(failure.errno, 'unknown')
            time.sleep(0.1)
    return {'error': error}


STEPS = {'address': address, 'listen': listen, 'reach': reach}
STEPS |= {'look': look, 'fill': fill, 'pids': pids, 'memory': memory}
print(json.dumps(STEPS[sys.argv[1]](*json.loads(sys.argv[2]))))
