# === exit-with-a-number
import sys

print('before')
sys.exit(3)

# === exit-with-a-text
import sys

sys.exit('the reason\nof the exit')

# === exit-with-a-negative-number
import sys

sys.exit(-1)

# === exit-with-a-number-over-255
import sys

sys.exit(256 + 7)

# === exit-with-a-huge-number
import sys

sys.exit(2**100)

# === exit-with-a-surrogate
import sys

sys.exit('broken \udcff text')

# === exit-with-an-object-that-cannot-be-printed
import sys


class Reason:
    def __str__(self):
        raise ValueError('no text')


sys.exit(Reason())

# === exit-of-a-subclass-of-systemexit
class Stop(SystemExit):
    pass


raise Stop(5)

# === exit-whose-code-was-changed
error = SystemExit(5)
error.code = 6
raise error

# === exit-by-the-builtin-quit
print(repr(exit), repr(quit))
try:
    quit(4)
finally:
    import sys

    print(sys.stdin.closed)

# === exit-by-os-exit-loses-the-buffer
import atexit
import os

atexit.register(print, 'never')
open('kept.txt', 'w').write('kept')
lost = open('lost.txt', 'w')
lost.write('lost')
print('printed')
os._exit(9)

# === exit-by-os-abort
import os

print('before', flush=True)
os.abort()

# === atexit-order-and-arguments
import atexit

atexit.register(print, 'registered first', end='.\n')


@atexit.register
def registered_second():
    print('registered second')


atexit.register(print, 'unregistered')
atexit.unregister(print)
print('end of the code')

# === atexit-registered-in-atexit
import atexit


def outer():
    print('outer')
    atexit.register(lambda: print('inner'))


atexit.register(outer)

# === atexit-that-raises
import atexit


def fail():
    raise ValueError('in atexit')


atexit.register(print, 'still called')
atexit.register(fail)

# === atexit-that-exits
import atexit
import sys

atexit.register(print, 'still called')
atexit.register(sys.exit, 7)

# === atexit-after-an-error
import atexit

atexit.register(print, 'called')
raise KeyError('the error')

# === atexit-sees-globals
import atexit

value = [1, 2]
atexit.register(lambda: print(value, __name__, len(globals()) > 5))

# === atexit-reads-stdin {"stdin":"one\ntwo\n"}
import atexit

atexit.register(lambda: print('rest:', input()))
print('first:', input())

# === weakref-finalize-at-exit
import weakref


class Thing:
    pass


thing = Thing()
weakref.finalize(thing, print, 'finalized')
cycle = Thing()
cycle.self = cycle
weakref.finalize(cycle, print, 'finalized, in a cycle')
print('end')

# === del-of-a-global-at-exit
class Thing:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print('deleted', self.name)


first = Thing('first')
_second = Thing('second')
third = [Thing('in a list')]

# === del-of-a-cycle-at-exit
class Node:
    def __del__(self):
        print('deleted')


node = Node()
node.self = node

# === del-that-raises
class Thing:
    def __del__(self):
        raise ValueError('in del')


Thing()
print('goes on')

# === del-that-raises-at-exit
class Thing:
    def __del__(self):
        raise ValueError('in del')


thing = Thing()

# === keyboard-interrupt-uncaught
print('before')
raise KeyboardInterrupt('stopped')

# === keyboard-interrupt-by-a-signal
import os
import signal

print('before', flush=True)
os.kill(os.getpid(), signal.SIGINT)
print('never')

# === generator-exit-uncaught
raise GeneratorExit('out')

# === stdout-closed-at-exit
import sys

print('before')
sys.stdout.close()

# === stdout-that-cannot-be-flushed-at-exit
import os
import sys

sys.stdout = open('/dev/full', 'w')
print('lost')
print('code', file=sys.stderr)

# === stdout-descriptor-closed
import os

print('before', flush=True)
os.close(1)
print('after')

# === stderr-none-and-an-error
import sys

sys.stderr = None
raise ValueError('unseen')

# === streams-none
import sys

sys.stdout = None
print('unseen')
sys.exit('reason')

# === excepthook-replaced
import sys


def hook(kind, error, trace):
    print('hook', kind.__name__, error, trace.tb_lineno)


sys.excepthook = hook
raise ValueError('seen by the hook')

# === excepthook-that-raises
import sys


def hook(kind, error, trace):
    raise TypeError('in the hook')


sys.excepthook = hook
raise ValueError('original')

# === excepthook-that-exits
import sys


def hook(*_):
    sys.exit(44)


sys.excepthook = hook
raise ValueError('bad')

# === last-values-in-atexit
import atexit
import sys


@atexit.register
def show():
    print(sys.last_type, sys.last_value, sys.last_traceback.tb_lineno)


raise ValueError('remembered')

# === exit-waits-for-threads
import sys
import threading


def work():
    gate.wait()
    print('thread')


gate = threading.Event()
threading.Thread(target=work).start()
print('main')
gate.set()
sys.exit(3)

# === exit-does-not-wait-for-daemons
import threading

threading.Thread(target=threading.Event().wait, daemon=True).start()
print('end')

# === exit-in-a-thread
import sys
import threading

thread = threading.Thread(target=sys.exit, args=(4,))
thread.start()
thread.join()
print('the program goes on')

# === exit-by-interrupt-main
import _thread
import threading
import time

threading.Timer(0.01, _thread.interrupt_main).start()
while True:
    time.sleep(0.01)

# === pool-executor-at-exit
import threading
from concurrent.futures import ThreadPoolExecutor

pool = ThreadPoolExecutor(1)
may_start = threading.Event()
for number in range(3):
    pool.submit(may_start.wait)
    pool.submit(print, 'task', number)
print('end of the code')
may_start.set()
