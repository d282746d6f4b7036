# === environment-variables {"env":{"GREETING":"hällo","EMPTY":""}}
import os

print({name: os.environ[name] for name in sorted(os.environ)})

# === environment-changed
import os
import subprocess

os.environ['ADDED'] = 'yes'
del os.environ['HOME']
print(os.path.expanduser('~'), subprocess.getoutput('echo $ADDED ${HOME-unset}'))

# === environment-time-zone {"env":{"TZ":"America/New_York"}}
import datetime
import time

print(time.tzname, datetime.datetime.fromtimestamp(0), time.timezone)

# === environment-python-path {"env":{"PYTHONPATH":"/workspace/lib:/workspace/more"}}
import sys

print([path for path in sys.path if path.startswith('/workspace')])

# === environment-hash-seed {"env":{"PYTHONHASHSEED":"0"}}
import sys

print(hash('text'), list({'a', 'b', 'c', 'd'}), sys.flags.hash_randomization)

# === environment-warnings {"env":{"PYTHONWARNINGS":"error"}}
import warnings

warnings.warn('becomes an error')

# === environment-bytecode {"env":{"PYTHONDONTWRITEBYTECODE":"1"}}
import sys

print(sys.dont_write_bytecode)

# === environment-encoding {"env":{"PYTHONIOENCODING":"latin-1:replace"}}
import sys

print(sys.stdout.encoding, sys.stdin.errors, 'ä日')

# === environment-utf8-mode {"env":{"PYTHONUTF8":"1"}}
import sys

print(sys.flags.utf8_mode)

# === environment-optimization {"env":{"PYTHONOPTIMIZE":"1"}}
print(__debug__)
assert False

# === environment-development-mode {"env":{"PYTHONDEVMODE":"1"}}
import sys

print(sys.flags.dev_mode)
open('/dev/null')

# === environment-fault-handler {"env":{"PYTHONFAULTHANDLER":"1"}}
import faulthandler

print(faulthandler.is_enabled())

# === environment-breakpoint {"env":{"PYTHONBREAKPOINT":"0"}}
breakpoint()
print('no break')

# === environment-integer-digits {"env":{"PYTHONINTMAXSTRDIGITS":"0"}}
import sys

print(sys.get_int_max_str_digits(), len(str(10**5000)))

# === environment-locale {"env":{"LC_ALL":"C"}}
import locale
import sys

print(locale.setlocale(locale.LC_CTYPE), locale.getpreferredencoding(), sys.stdout.encoding, sys.stdout.errors)

# === environment-locale-at-the-start
import locale
import sys

print(locale.setlocale(locale.LC_ALL, None), locale.localeconv()['decimal_point'], sys.getfilesystemencodeerrors())

# === environment-home {"env":{"HOME":"/tmp"}}
import os
import site
from pathlib import Path

print(Path.home(), os.path.expanduser('~/x'), site.getuserbase())

# === environment-temporary-folder {"env":{"TMPDIR":"/workspace"}}
import tempfile

print(tempfile.gettempdir())

# === environment-columns {"env":{"COLUMNS":"40"}}
import argparse
import shutil

print(shutil.get_terminal_size().columns)
print(argparse.ArgumentParser(prog='p', description='words ' * 20).format_help())

# === environment-user
import getpass
import os
import pwd

print(pwd.getpwuid(os.getuid()).pw_name, getpass.getuser())

# === environment-host
import platform
import socket

print(platform.system(), platform.python_implementation(), socket.gethostname() == platform.node())
print(socket.gethostbyname('localhost'))

# === environment-loopback-server
import socket
import threading

server = socket.create_server(('127.0.0.1', 0))


def serve():
    connection, _ = server.accept()
    connection.sendall(b'hello')
    connection.close()


thread = threading.Thread(target=serve)
thread.start()
print(socket.create_connection(server.getsockname()).recv(10))
thread.join()

# === environment-http-server
import http.server
import threading
import urllib.request


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *parts):
        print(*parts[1:])


server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
open('index.html', 'w').write('<p>page</p>')
page = urllib.request.urlopen(f'http://127.0.0.1:{server.server_port}/').read()
print(page)
server.shutdown()

# === environment-no-network
import urllib.request

try:
    urllib.request.urlopen('http://192.0.2.1/', timeout=2)
except OSError as error:
    print(type(error).__name__, error.reason.errno)

# === warning-of-the-program
import warnings

warnings.warn('a user warning')
warnings.warn('deprecated', DeprecationWarning)
warnings.warn('pending', PendingDeprecationWarning)
warnings.warn('resources', ResourceWarning)

# === warning-once-per-place
import warnings

for _ in range(3):
    warnings.warn('repeated')

# === warning-with-a-stack-level
import warnings


def old():
    warnings.warn('use another', DeprecationWarning, stacklevel=2)


def caller():
    old()


old()
caller()

# === warning-beyond-the-stack
import warnings

warnings.warn('two', stacklevel=2)
warnings.warn('ten', stacklevel=10)

# === warning-as-an-error
import warnings

warnings.simplefilter('error')
warnings.warn('strict')

# === warning-filters
import warnings

for each in warnings.filters:
    print(each)

# === warning-caught
import warnings

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter('always')
    warnings.warn('caught')
print(caught[0].message, caught[0].filename, caught[0].lineno)

# === warning-printed-by-a-function
import warnings

warnings.showwarning = lambda message, category, name, line, *_: print(message, category.__name__, name, line)
warnings.warn('shown')

# === random-seeded
import random

random.seed(5)
print(random.random(), random.randint(1, 100), random.sample(range(10), 3), random.Random(1).random())

# === time-and-dates
import calendar
import datetime
import time
import zoneinfo

print(datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone.utc).isoformat(), time.tzname, calendar.month(2024, 2))
try:
    print(zoneinfo.ZoneInfo('Europe/Berlin').utcoffset(datetime.datetime(2024, 7, 1)))
except zoneinfo.ZoneInfoNotFoundError as error:
    print(error)

# === sqlite-errors
import sqlite3

connection = sqlite3.connect(':memory:')
connection.create_function('fail', 0, lambda: 1 / 0)
print(connection.execute('select 1 union select 2').fetchall())
connection.execute('select fail()')

# === recursion-limit-raised
import sys

sys.setrecursionlimit(20000)


def descend(depth):
    return 0 if depth == 0 else 1 + descend(depth - 1)


print(descend(15000))

# === recursion-limit-too-low
import sys

sys.setrecursionlimit(1)

# === recursion-in-c
import json

data = []
for _ in range(100_000):
    data = [data]
json.dumps(data)

# === memory-limit-of-the-process
import resource

resource.setrlimit(resource.RLIMIT_AS, (300 * 1024 * 1024,) * 2)
bytearray(400 * 1024 * 1024)

# === builtins-replaced
import builtins

builtins.print = lambda *values: __import__('sys').stdout.write(f'mine: {values}\n')
print('text')
len = lambda _: 99
builtins.open = None
print(len([]))

# === builtins-underscore
print('_' in globals(), '_' in dir(__builtins__))
6 * 7
try:
    print(_)
except NameError as error:
    print(error)

# === builtin-names-of-a-notebook
for name in ('display', 'get_ipython', 'In', 'Out'):
    print(name, name in globals() or hasattr(__builtins__, name))

# === displayhook-is-not-called
import sys

sys.displayhook = lambda value: print('hook', value)
1 + 1
'last value'

# === audit-hooks
import sys

events = []
sys.addaudithook(lambda event, args: events.append(event) if event in ('open', 'compile', 'exec') else None)
open('/dev/null').close()
exec('1')
print(events)

# === generators-closed-at-the-end
def numbers():
    try:
        yield 1
    finally:
        print('closed')


generator = numbers()
next(generator)
print('end')

# === generator-that-ignores-its-end
def stubborn():
    while True:
        try:
            yield 1
        except GeneratorExit:
            print('ignored')


generator = stubborn()
next(generator)
generator.close()

# === with-manager-left-open
import contextlib


@contextlib.contextmanager
def manager():
    print('enter')
    try:
        yield
    finally:
        print('exit')


context = manager()
context.__enter__()
print('end')

# === getattr-of-the-module
def __getattr__(name):
    return f'dynamic {name}'


import __main__

print(__main__.something)
