# === thread-error
import threading


def work():
    raise ValueError('in a thread')


thread = threading.Thread(target=work, name='worker')
thread.start()
thread.join()
print('the program goes on')

# === thread-excepthook
import threading

threading.excepthook = lambda args: print('hook', args.exc_type.__name__, args.thread.name)
thread = threading.Thread(target=lambda: 1 / 0, name='worker')
thread.start()
thread.join()

# === thread-error-at-the-end
import threading

event = threading.Event()


def work():
    event.wait()
    raise ValueError('late')


threading.Thread(target=work, name='worker').start()
event.set()

# === thread-of-the-low-level
import _thread
import time


started = []


def work():
    started.append(True)
    raise ValueError('low level')


_thread.start_new_thread(work, ())
while not started or _thread._count():
    time.sleep(0.01)

# === thread-main
import threading

thread = threading.current_thread()
print(thread.name, thread is threading.main_thread(), threading.active_count(), thread.ident == threading.get_ident())
print(thread.native_id == threading.get_native_id(), thread.daemon)

# === thread-pool-error
from concurrent.futures import ThreadPoolExecutor


def work(x):
    return 1 / x


with ThreadPoolExecutor() as pool:
    future = pool.submit(work, 0)
future.result()

# === thread-that-forks
import os
import threading


def work():
    if os.fork() == 0:
        print('child', threading.active_count(), threading.main_thread().name, flush=True)
        os._exit(0)
    os.wait()


thread = threading.Thread(target=work, name='forker')
thread.start()
thread.join()

# === thread-stack-size
import threading

print(threading.stack_size())


def descend(depth):
    return depth if depth == 0 else descend(depth - 1)


thread = threading.Thread(target=lambda: print(descend(900)))
thread.start()
thread.join()

# === thread-registered-before-exit
import atexit
import threading

gate = threading.Event()
atexit.register(print, 'atexit after the threads')
thread = threading.Thread(target=lambda: (gate.wait(), print('thread ends')))
thread.start()
threading.Timer(0.05, gate.set).start()
print('main ends')

# === thread-started-at-exit
import atexit
import threading


@atexit.register
def start():
    thread = threading.Thread(target=print, args=('started at exit',))
    thread.start()
    thread.join()

# === thread-daemon-that-prints-for-ever
import threading
import time


def work():
    while True:
        time.sleep(0.001)


threading.Thread(target=work, daemon=True).start()
time.sleep(0.02)
print('ends')

# === asyncio-error
import asyncio


async def main():
    await fail()


async def fail():
    raise ValueError('in a coroutine')


asyncio.run(main())

# === asyncio-error-never-retrieved
import asyncio


async def fail():
    raise ValueError('lost')


async def main():
    task = asyncio.create_task(fail(), name='failing')
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task


asyncio.run(main())

# === asyncio-never-awaited
async def work():
    pass


work()
print('after')

# === asyncio-never-awaited-and-kept
async def work():
    pass


coroutine = work()
print('after')

# === asyncio-task-group
import asyncio


async def fail(text):
    raise ValueError(text)


async def main():
    async with asyncio.TaskGroup() as group:
        group.create_task(fail('one'))
        group.create_task(fail('two'))


asyncio.run(main())

# === asyncio-no-running-loop
import asyncio

asyncio.get_running_loop()

# === asyncio-create-task-outside
import asyncio


async def work():
    print('works')


asyncio.create_task(work())

# === asyncio-event-loop-of-the-main-thread
import asyncio


async def work():
    return 5


loop = asyncio.get_event_loop()
print(loop.run_until_complete(work()), loop.is_running())

# === asyncio-pending-tasks-are-cancelled
import asyncio


async def wait():
    try:
        await asyncio.sleep(10)
    finally:
        print('cancelled')


async def main():
    asyncio.create_task(wait())
    await asyncio.sleep(0)


asyncio.run(main())

# === asyncio-loop-left-open
import asyncio

loop = asyncio.new_event_loop()


async def wait():
    await asyncio.sleep(10)


task = loop.create_task(wait())
loop.run_until_complete(asyncio.sleep(0))
print('ends')

# === asyncio-subprocess-and-streams {"stdin":"line\n"}
import asyncio
import sys


async def main():
    process = await asyncio.create_subprocess_exec('cat', stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    print(await process.communicate(b'through cat'))
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print(await reader.readline())


asyncio.run(main())

# === asyncio-keyboard-interrupt
import asyncio
import os
import signal


async def main():
    os.kill(os.getpid(), signal.SIGINT)
    try:
        await asyncio.sleep(10)
    finally:
        print('cleaned up')


asyncio.run(main())

# === asyncio-exit-in-a-task
import asyncio
import sys


async def main():
    sys.exit(9)


asyncio.run(main())

# === asyncio-debug
import asyncio


async def main():
    asyncio.get_running_loop().call_exception_handler({'message': 'reported', 'exception': ValueError('x')})


asyncio.run(main(), debug=False)

# === asyncio-generator-left-open
import asyncio


async def numbers():
    try:
        yield 1
        yield 2
    finally:
        print('closed')


async def main():
    async for number in numbers():
        print(number)
        break


asyncio.run(main())

# === asyncio-repl-style-await-in-a-function
import asyncio
import inspect


async def main():
    frame = inspect.currentframe()
    print(frame.f_back.f_code.co_name, len(asyncio.current_task().get_stack()))


asyncio.run(main())
