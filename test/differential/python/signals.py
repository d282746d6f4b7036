# === signal-ends-the-program
import os
import signal

print('before', flush=True)
os.kill(os.getpid(), signal.SIGTERM)

# === signal-kill
import os
import signal

os.kill(os.getpid(), signal.SIGKILL)

# === signal-segmentation-fault
import ctypes

print('before', flush=True)
ctypes.string_at(0)

# === signal-segmentation-fault-with-a-handler
import ctypes
import faulthandler

faulthandler.enable()


def crash():
    ctypes.string_at(0)


crash()

# === signal-traceback-dump
import faulthandler


def work():
    faulthandler.dump_traceback(all_threads=False)


work()

# === signal-handled
import os
import signal


def handle(number, frame):
    print('got', signal.Signals(number).name, frame.f_code.co_name)


signal.signal(signal.SIGTERM, handle)
os.kill(os.getpid(), signal.SIGTERM)
print('goes on')

# === signal-handler-that-raises
import os
import signal


def handle(number, frame):
    raise TimeoutError('from the handler')


signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 0.05)
signal.pause()

# === signal-handler-that-exits
import os
import signal
import sys

signal.signal(signal.SIGTERM, lambda *_: sys.exit(42))
os.kill(os.getpid(), signal.SIGTERM)

# === signal-alarm-without-a-handler
import signal
import time

signal.setitimer(signal.ITIMER_REAL, 0.05)
time.sleep(5)

# === signal-defaults
import signal

for name in ('SIGINT', 'SIGTERM', 'SIGPIPE', 'SIGXFSZ', 'SIGCHLD', 'SIGHUP', 'SIGUSR1'):
    print(name, signal.getsignal(getattr(signal, name)))

# === signal-mask
import signal

print(signal.pthread_sigmask(signal.SIG_BLOCK, []), signal.sigpending())

# === signal-interrupt-ignored
import os
import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)
os.kill(os.getpid(), signal.SIGINT)
print('goes on')

# === signal-interrupt-caught
import os
import signal

try:
    os.kill(os.getpid(), signal.SIGINT)
    while True:
        pass
except KeyboardInterrupt:
    print('caught')

# === signal-interrupt-with-atexit
import atexit
import os
import signal

atexit.register(print, 'at exit')
try:
    os.kill(os.getpid(), signal.SIGINT)
    while True:
        pass
finally:
    print('finally')

# === signal-pipe-of-a-reader-that-left
import os

reading, writing = os.pipe()
os.close(reading)
os.write(writing, b'x')

# === signal-of-a-child
import os
import signal

signal.signal(signal.SIGCHLD, lambda *_: print('child ended'))
if os.fork() == 0:
    os._exit(0)
os.wait()
print('waited')

# === signal-wakeup-descriptor
import signal

print(signal.set_wakeup_fd(-1))

# === signal-timer-of-processor-time
import signal


def handle(*_):
    raise TimeoutError('used its time')


signal.signal(signal.SIGPROF, handle)
signal.setitimer(signal.ITIMER_PROF, 0.02)
while True:
    pass

# === signal-wait
import os
import signal

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
os.kill(os.getpid(), signal.SIGUSR1)
print(signal.sigwait([signal.SIGUSR1]))
