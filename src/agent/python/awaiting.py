"""Runs what the user's code awaits, so that no interrupt breaks the event loop.

It works in programs. A KeyboardInterrupt in the middle of the code of asyncio could make this run
hang, or the next one fail. There, the loop raises it when it calls its next function.
"""

import _signal
import sys

from .tracebacks import OURS


class Awaiting:
    """Runs one awaitable at a time, for the top level of the code."""

    def __init__(self):
        self.loop, self.task, self.is_interrupted = None, None, False
        self.handler = self.interrupt

    def run(self, loop, awaitable):
        self.loop, self.is_interrupted = loop, False
        if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
            _signal.signal(_signal.SIGINT, self.handler)
        wakeup_fd = wake_by_signals(loop)
        try:
            return self.run_to_end(awaitable)
        finally:
            self.task = None
            stop_waking(loop, wakeup_fd)
            if _signal.getsignal(_signal.SIGINT) is self.handler:
                _signal.signal(_signal.SIGINT, _signal.default_int_handler)
            self.raise_if_interrupted()

    # The task

    def run_to_end(self, awaitable):
        async def wait():
            return await awaitable

        self.task = self.loop.create_task(wait())
        try:
            return self.run_task()
        except BaseException as error:
            failure = error
        try:
            self.end_task()
            raise failure
        finally:
            del failure  # it refers to this frame

    def run_task(self):
        """Runs the loop until the task ends.

        After an error, `run_until_complete()` can leave a function that stops the next run.
        """
        self.task.add_done_callback(self.ended)
        self.loop.run_forever()
        if not self.task.done():
            raise RuntimeError('Event loop stopped before Future completed.')
        return self.task.result()

    def ended(self, task):
        if task is self.task:
            self.loop.stop()
        if not task.cancelled():
            task.exception()  # else the loop reports an interrupt or exit of the task as lost

    def end_task(self):
        """Ends the task if something else has ended the run: it must not go on in the next cell."""
        import asyncio

        try:
            if self.task.cancel():
                self.run_task()
        except asyncio.CancelledError:
            pass

    # Interrupts

    def interrupt(self, number, frame):
        if self.loop.is_closed() or is_in_user_code(frame):
            _signal.default_int_handler(number, frame)
        self.is_interrupted = True
        self.loop.call_soon_threadsafe(self.raise_if_interrupted)

    def raise_if_interrupted(self):
        if self.is_interrupted:
            self.is_interrupted = False
            raise KeyboardInterrupt


def wake_by_signals(loop):
    """Has Python write a byte for each signal to a socket of the loop. Returns the descriptor.

    Else a loop that begins to wait at the moment of an interrupt would wait on. Returns -1 if the
    user's code has set a descriptor, or a loop without such a socket.
    """
    socket = getattr(loop, '_csock', None)
    if not socket:
        return -1
    before = _signal.set_wakeup_fd(socket.fileno(), warn_on_full_buffer=False)
    if before == -1:
        return socket.fileno()
    _signal.set_wakeup_fd(before)
    return -1


def stop_waking(loop, wakeup_fd):
    """Undoes `wake_by_signals()`, unless the user's code has set a descriptor meanwhile."""
    current = _signal.set_wakeup_fd(-1)
    if current != wakeup_fd or getattr(loop, '_signal_handlers', None):
        _signal.set_wakeup_fd(current)


def is_in_user_code(frame):
    """Returns whether the loop has called code of the user, perhaps code of asyncio through it."""
    modules = sys.modules
    names = 'selectors', '_weakrefset', 'asyncio'
    files = OURS, *(modules[name].__file__.replace('__init__.py', '') for name in names)
    while frame and frame.f_code is not Awaiting.run.__code__:
        if not frame.f_code.co_filename.startswith(files):
            return True
        frame = frame.f_back
    return False
