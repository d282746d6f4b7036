# === file-left-open
file = open('open.txt', 'w')
file.write('content')

# === file-left-open-in-a-function
def write():
    file = open('local.txt', 'w')
    file.write('content')


write()
print(open('local.txt').read())

# === file-left-open-in-a-class
class Log:
    file = open('class.txt', 'w')


Log.file.write('content')

# === file-left-open-in-a-cycle
class Log:
    def __init__(self):
        self.self = self
        self.file = open('cycle.txt', 'w')


Log().file.write('content')

# === file-left-open-in-a-closure
def make():
    file = open('closure.txt', 'w')

    def write(depth):
        file.write('x')
        if depth:
            write(depth - 1)

    return write


make()(2)

# === file-left-open-in-a-generator
def lines():
    with open('generator.txt', 'w') as file:
        while True:
            file.write((yield))


generator = lines()
next(generator)
generator.send('content')

# === file-left-open-in-a-helper
from pathlib import Path

Path('helper.py').write_text('file = open("helper.txt", "w")\nfile.write("content")\n')
import helper

# === file-left-open-in-a-thread
import threading


def work():
    global file
    file = open('thread.txt', 'w')
    file.write('content')


threading.Thread(target=work).start()

# === file-left-open-after-an-error
file = open('error.txt', 'w')
file.write('content')
raise ValueError('after the write')

# === file-left-open-in-a-traceback
def work():
    file = open('frame.txt', 'w')
    file.write('content')
    raise ValueError('in the frame')


work()

# === file-left-open-by-csv
import csv

writer = csv.writer(open('table.csv', 'w', newline=''))
writer.writerow(['a', 'b c', 'd"e'])
writer.writerow([1, None, 2.5])

# === file-left-open-by-gzip
import gzip
import io

stream = io.TextIOWrapper(gzip.GzipFile('text.gz', 'wb', mtime=0))
stream.write('content')

# === file-left-open-in-binary
file = open('bytes.bin', 'wb')
file.write(b'\x00\xff' * 5000)
file.write(b'end')

# === file-left-open-of-c
import ctypes

libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
libc.fputs.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
libc.fputs(b'content', libc.fopen(b'c.txt', b'w'))

# === file-left-open-in-a-frozen-collector
import gc

gc.disable()


class Log:
    def __init__(self):
        self.self = self
        self.file = open('disabled.txt', 'w')


Log().file.write('content')

# === file-of-a-database-without-commit
import sqlite3

connection = sqlite3.connect('data.db')
connection.execute('create table t (x)')
connection.execute('insert into t values (1)')
print(sqlite3.connect('data.db').execute('select count(*) from t').fetchall())

# === file-resource-warning
import warnings

warnings.simplefilter('always')
open('/dev/null')
print('after')

# === file-temporary
import os
import tempfile

print(tempfile.gettempdir())
temporary = tempfile.NamedTemporaryFile('w', suffix='.txt')
temporary.write('content')
folder = tempfile.TemporaryDirectory()
open(os.path.join(folder.name, 'inner'), 'w').close()
print(os.path.exists(temporary.name), os.path.isdir(folder.name))

# === file-modes-and-umask
import os
import stat

print(oct(os.umask(0o022)))
os.umask(0o077)
open('private.txt', 'w').close()
os.mkdir('private')
print(oct(stat.S_IMODE(os.stat('private.txt').st_mode)), os.stat('private.txt').st_uid == os.getuid())

# === file-names-of-any-bytes
import os

os.mkdir(b'folder')
open(b'folder/\xff', 'w').close()
open('folder/ä', 'w').close()
print(sorted(os.listdir(b'folder')), ascii(sorted(os.listdir('folder'))))
os.remove(b'folder/\xff')

# === file-of-the-default-encoding
import locale
import sys

open('default.txt', 'w').write('ä 日')
print(locale.getpreferredencoding(), sys.getfilesystemencoding(), open('default.txt', 'rb').read())

# === file-descriptors-are-free
import os

print([os.open('/dev/null', os.O_RDONLY) for _ in range(3)])

# === file-descriptors-of-the-program
import os

print(sorted(os.listdir('/proc/self/fd')))

# === file-descriptors-of-a-child
import subprocess

print(subprocess.run(['ls', '/proc/self/fd'], capture_output=True, text=True, close_fds=False).stdout)

# === file-too-many-open
import resource

resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
files = []
try:
    while True:
        files.append(open('/dev/null'))
except OSError as error:
    print(error, len(files))

# === file-limits
import resource

for name in ('NOFILE', 'CORE', 'FSIZE', 'STACK', 'AS', 'NPROC'):
    print(name, resource.getrlimit(getattr(resource, f'RLIMIT_{name}')))

# === file-larger-than-a-limit
import resource
import signal

resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
print(signal.getsignal(signal.SIGXFSZ))
open('limited', 'wb').write(bytes(2000))
