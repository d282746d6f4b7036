# === stdin-by-input {"stdin":"Ada\n\nlast"}
print(repr(input('name? ')), repr(input()), repr(input()))
input()

# === stdin-is-empty
import sys

print(repr(sys.stdin.read()), repr(sys.stdin.readline()), list(sys.stdin))

# === stdin-by-lines {"stdin":"1 2\r\n3\r4\n"}
import sys

for line in sys.stdin:
    print(repr(line))

# === stdin-by-bytes {"stdin":"äöü\u0000\n"}
import sys

print(sys.stdin.buffer.read())

# === stdin-by-descriptor {"stdin":"abc"}
import os

print(os.read(0, 2), os.read(0, 10), os.read(0, 10))

# === stdin-by-open {"stdin":"opened\n"}
print(open(0).read())

# === stdin-by-path {"stdin":"by path\n"}
print(open('/dev/stdin').read())

# === stdin-in-a-child {"stdin":"first\nsecond\n"}
import subprocess
import sys

print(subprocess.run(['cat'], capture_output=True, text=True).stdout)
print(repr(sys.stdin.read()))

# === stdin-by-select {"stdin":"ready"}
import select
import sys

print(select.select([sys.stdin], [], [], 5)[0] == [sys.stdin], sys.stdin.read())

# === stdin-replaced
import io
import sys

sys.stdin = io.StringIO('from a string\n')
print(input())

# === stdin-closed {"stdin":"text"}
import sys

sys.stdin.close()
input()

# === stdin-of-wrong-bytes
import os

reading, writing = os.pipe()
os.write(writing, b'\xffa\n')
os.close(writing)
os.dup2(reading, 0)
print(ascii(input()))

# === stdin-attributes
import os
import stat
import sys

for stream in (sys.stdin, sys.stdout, sys.stderr):
    print(stream.name, stream.mode, stream.encoding, stream.errors, stream.fileno(), stream.seekable())
    print(stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode))

# === stdout-buffering
import sys

for stream in (sys.stdout, sys.stderr):
    print(stream.line_buffering, stream.write_through, type(stream.buffer).__name__, type(stream.buffer.raw).__name__ if hasattr(stream.buffer, 'raw') else None)

# === stdout-order-with-the-descriptor
import os
import sys

print('one')
os.write(1, b'two\n')
sys.stdout.write('three ')
os.write(1, b'four\n')
sys.stdout.buffer.write(b'five\n')
print('six', end='')
os.system('echo seven')

# === stdout-of-bytes
import sys

sys.stdout.buffer.write(bytes(range(256)))

# === stdout-of-a-surrogate
print('before')
print('\ud800')

# === stderr-of-a-surrogate
import sys

print('\ud800 ä \udcff', file=sys.stderr)

# === stdout-of-wide-text
print('日本語 🎉 ñ \u202e \x1b[31mred\x1b[0m \t|\r|\b|\0|')

# === stdout-reconfigured
import sys

sys.stdout.reconfigure(encoding='latin-1', errors='backslashreplace', newline='\r\n')
print('äöü 日')

# === stdout-in-another-encoding
import io
import sys

sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding='utf-16')
print('wide')

# === stdout-redirected
import contextlib
import io

with contextlib.redirect_stdout(io.StringIO()) as text, contextlib.redirect_stderr(text):
    print('hidden')
print('shown', repr(text.getvalue()))

# === stdout-redirected-by-dup2
import os
import sys

saved = os.dup(1)
target = os.open('out.txt', os.O_WRONLY | os.O_CREAT)
os.dup2(target, 1)
print('into the file')
os.system('echo from a child')
sys.stdout.flush()
os.dup2(saved, 1)
print('back')

# === stdout-of-many-lines
for number in range(7000):
    print(number, 'some text that makes the line longer')

# === stdout-and-stderr-of-many-bytes
import sys

for _ in range(50):
    sys.stdout.write('o' * 4000)
    sys.stderr.write('e' * 4000)

# === stdout-in-one-large-write
import sys

print(sys.stdout.write('x' * 900_000), file=sys.stderr)

# === stdout-nonblocking
import os
import sys

os.set_blocking(1, False)
print('nonblocking', os.get_blocking(1))

# === stdout-of-c
import ctypes

libc = ctypes.CDLL(None)
libc.printf(b'from %s\n', b'printf')
libc.puts(b'from puts')

# === stdout-of-c-in-order
import ctypes

libc = ctypes.CDLL(None)
libc.puts(b'c first')
libc.fflush(None)
print('then Python')

# === stdout-by-a-logger
import logging
import sys

logging.basicConfig(stream=sys.stdout, format='%(levelname)s %(name)s %(module)s %(funcName)s %(lineno)d %(pathname)s %(process)d'.replace(' %(process)d', ''))
logging.getLogger('app').error('text')

# === getpass-without-a-terminal {"stdin":"secret\n"}
import getpass

print(getpass.getpass('Password: '))

# === stdout-wrapped-again
import io
import sys

sys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding='utf-8')
sys.stderr = io.TextIOWrapper(sys.stderr.detach(), encoding='latin-1')
print('\u00e9')
print('\u00e9', file=sys.stderr)

# === stderr-closed-and-an-error
import sys

sys.stderr.close()
raise ValueError('not shown')
