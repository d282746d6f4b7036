# === fork-and-exit-codes
import os

print('before', flush=True)
pid = os.fork()
if pid == 0:
    print('child', flush=True)
    os._exit(5)
print('parent', os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

# === fork-that-falls-through
import os

if os.fork():
    os.wait()
print('both')

# === fork-whose-child-raises
import os

pid = os.fork()
if pid == 0:
    raise ValueError('in the child')
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

# === fork-whose-child-exits
import atexit
import os
import sys

atexit.register(print, 'at exit')
if os.fork() == 0:
    sys.exit(3)
print(os.waitstatus_to_exitcode(os.wait()[1]))

# === fork-with-buffered-text
import os
import sys

out = os.fdopen(os.dup(1), 'w')
out.write('buffered ')
if os.fork() == 0:
    out.write('child\n')
    sys.exit()
os.wait()
out.write('parent\n')

# === fork-that-outlives-the-program
import os
import time

if os.fork() == 0:
    time.sleep(2)
    os.write(1, b'late\n')
    os._exit(0)
print('the program ends')

# === multiprocessing-by-fork
import multiprocessing


def square(x):
    return x * x


if __name__ == '__main__':
    with multiprocessing.Pool(2) as pool:
        print(pool.map(square, range(5)), multiprocessing.get_start_method())

# === multiprocessing-by-spawn
import multiprocessing


def work(queue):
    queue.put((__name__, multiprocessing.current_process().name))


if __name__ == '__main__':
    context = multiprocessing.get_context('spawn')
    queue = context.Queue()
    process = context.Process(target=work, args=(queue,))
    process.start()
    print(queue.get(timeout=3))
    process.join()
    print(process.exitcode)

# === multiprocessing-by-spawn-without-a-guard
import multiprocessing

print(__name__, flush=True)
multiprocessing.set_start_method('spawn', force=True)
process = multiprocessing.Process(target=print)
process.start()
process.join()
print(process.exitcode)

# === multiprocessing-by-forkserver
import multiprocessing


def work(connection):
    connection.send(__name__)


if __name__ == '__main__':
    context = multiprocessing.get_context('forkserver')
    here, there = context.Pipe()
    process = context.Process(target=work, args=(there,))
    process.start()
    print(here.recv() if here.poll(3) else 'nothing came')
    process.join()

# === multiprocessing-error-in-a-child
import multiprocessing


def work():
    raise ValueError('in the child')


process = multiprocessing.Process(target=work, name='worker')
process.start()
process.join()
print(process.exitcode)

# === multiprocessing-error-in-a-pool
import multiprocessing


def work(x):
    return 1 // x


with multiprocessing.Pool(1) as pool:
    pool.map(work, [1, 0])

# === multiprocessing-manager-and-locks
import multiprocessing


def work(shared, counter, lock):
    with lock:
        counter.value += 1
    shared['key'] = 'value'


with multiprocessing.Manager() as manager:
    shared, counter, lock = manager.dict(), multiprocessing.Value('i', 0), multiprocessing.Lock()
    processes = [multiprocessing.Process(target=work, args=(shared, counter, lock)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    print(dict(shared), counter.value)

# === executor-of-processes
from concurrent.futures import ProcessPoolExecutor


def square(x):
    return x * x


if __name__ == '__main__':
    with ProcessPoolExecutor(2) as pool:
        print(list(pool.map(square, [1, 2, 3])))

# === executor-of-processes-that-die
import os
from concurrent.futures import ProcessPoolExecutor


def die():
    os._exit(1)


with ProcessPoolExecutor(1) as pool:
    try:
        pool.submit(die).result()
    except Exception as error:
        print(type(error).__name__, error)

# === subprocess-of-the-interpreter
import subprocess
import sys

done = subprocess.run([sys.executable, '-c', 'import sys; print(sys.argv, sys.flags.isolated); sys.exit(6)', 'a'])
print(done.returncode)

# === subprocess-of-a-module
import subprocess
import sys
from pathlib import Path

Path('tool.py').write_text('import sys\nprint(__name__, sys.argv[1:])\n')
subprocess.run([sys.executable, '-m', 'tool', 'x'], check=True)

# === subprocess-that-does-not-exist
import subprocess

subprocess.run(['no-such-command'])

# === subprocess-killed-by-a-signal
import subprocess

print(subprocess.run(['sh', '-c', 'kill -TERM $$']).returncode)

# === subprocess-of-the-shell
import os
import subprocess

print(subprocess.getoutput('echo $0 $HOME; pwd'), os.system('exit 3'), os.popen('echo popen').read())

# === subprocess-left-running
import subprocess

process = subprocess.Popen(['sh', '-c', 'sleep 2; echo late'])
print('the program ends')

# === subprocess-signals-are-default
import subprocess

print(subprocess.run("grep -E 'Sig(Ign|Blk|Cgt)' /proc/self/status", shell=True, capture_output=True, text=True).stdout)

# === process-identity
import os

print(os.getuid(), os.getgid(), os.getgroups(), os.getpgrp() == os.getpid(), os.getsid(0) == os.getpid())

# === process-status
from pathlib import Path

lines = Path('/proc/self/status').read_text().splitlines()
names = 'Name', 'Umask', 'Threads', 'SigPnd', 'SigBlk', 'SigIgn', 'SigCgt', 'Cap', 'NoNewPrivs'
print([line for line in lines if line.startswith(names)])

# === process-command-line
from pathlib import Path

print(Path('/proc/self/cmdline').read_bytes().split(b'\0')[:2], Path('/proc/self/comm').read_text())

# === process-environment-file
from pathlib import Path

names = sorted(part.split(b'=')[0] for part in Path('/proc/self/environ').read_bytes().split(b'\0'))
print(names)

# === process-usage
import resource
import time

start = time.process_time()
while time.process_time() - start < 0.02:
    pass
usage = resource.getrusage(resource.RUSAGE_SELF)
print(0.02 <= usage.ru_utime + usage.ru_stime < 0.5, usage.ru_maxrss > 1000, time.process_time() < 0.5)

# === process-scheduling
import os

print(os.nice(0), os.sched_getaffinity(0) == set(range(os.cpu_count())), os.getpriority(os.PRIO_PROCESS, 0))

# === process-becomes-another-by-exec
import os

print('before', flush=True)
os.execvp('sh', ['sh', '-c', 'echo after $$; exit 4'.replace(' $$', '')])
