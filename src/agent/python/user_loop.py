"""The event loop of asyncio that the user's code has at its top level. It works in programs.

It runs while the code awaits, at the end of each run, and between the cells of a context.
"""

import _thread
import sys

from .awaiting import Awaiting
from .import_hook import ImportHook
from .tracebacks import print_error


class UserLoop:
    def __init__(self):
        self.loop, self.thread = None, None
        self.awaiting = Awaiting()

    def offer(self):
        """Lets code find the loop before it awaits, so that `asyncio.create_task()` works."""
        if self.thread is None:
            self.thread = _thread.get_ident()
            ImportHook('asyncio', self.prepare)

    def prepare(self, asyncio):
        get_running_loop, events = asyncio.get_running_loop, asyncio.events

        def get_running_loop_or_ours():
            is_running = events._get_running_loop() is not None
            if is_running or _thread.get_ident() != self.thread:
                return get_running_loop()
            return self.get()

        events.get_running_loop = asyncio.get_running_loop = get_running_loop_or_ours
        self.get()

    def get(self):
        import asyncio

        if self.loop is None or self.loop.is_closed():
            self.loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self.loop)
        return self.loop

    def make_current(self):
        """Sets the loop again if the code has left none: `asyncio.run()` removes it at its end."""
        if self.loop:
            import asyncio

            try:
                asyncio.get_event_loop()
            except RuntimeError:
                asyncio.set_event_loop(self.get())

    def wait_for(self, awaitable):
        import asyncio

        loop = self.get()
        asyncio.set_event_loop(loop)
        return self.awaiting.run(loop, awaitable)

    def has_tasks(self):
        if self.loop is None or self.loop.is_closed():
            return False
        return bool(sys.modules['asyncio'].all_tasks(self.loop))

    def begin_tasks(self):
        """Runs each task that is ready until it awaits."""
        if self.has_tasks():
            import asyncio

            self.wait_for(asyncio.sleep(0))

    def run_until_readable(self, fd):
        """Runs the tasks until there is something to read. Without tasks it returns at once."""
        if not self.has_tasks():
            return
        try:
            self.loop.add_reader(fd, self.loop.stop)
            self.loop.run_forever()
        except BaseException as error:
            print_error(error, '')
        finally:
            if not self.loop.is_closed():
                self.loop.remove_reader(fd)


user_loop = UserLoop()
