"""Contexts: processes that are kept for several cells, one after the other.

This is the agent's side, and runs in the agent.
"""

import _signal
import errno

from .code_file import CellFiles
from .config import CONTEXT_BYTES
from .json_codec import to_json
from .processes import own_bytes_of
from .protocol import STARTED
from .socket_messages import CELL_ENDED
from .system_calls import os_error


class Contexts:
    """The open contexts by name. The idle ones are in the order in which they became idle."""

    def __init__(self, requests):
        self.requests, self.by_name = requests, {}

    def check_unused(self, name):
        if name in self.by_name:
            raise os_error(errno.EEXIST)

    def add(self, name, id):
        context = self.by_name[name] = Context(self, name, id)
        return context

    def run(self, name, id, task):
        if name not in self.by_name:
            raise os_error(errno.ESRCH)
        self.by_name[name].run(id, task)

    def became_idle(self, context):
        """Puts a context last. Evicts contexts from the front if they hold too much memory.

        The last context is not counted.
        """
        self.by_name[context.name] = self.by_name.pop(context.name)
        older = [context for context in self.by_name.values() if context.is_idle()][:-1]
        sizes = [own_bytes_of(context.program.pid) - context.base_bytes for context in older]
        while sum(sizes) > CONTEXT_BYTES:
            older.pop(0).evict()
            sizes.pop(0)


class Context:
    def __init__(self, contexts, name, id):
        self.contexts, self.requests = contexts, contexts.requests
        self.name, self.id = name, id
        self.program, self.files = None, None
        self.base_bytes = None  # the memory of its process before the first cell
        self.is_evicted = False
        self.was_interrupted = False  # since its last task

    def run(self, id, task):
        if not self.program or self.program.expected_tag:
            raise os_error(errno.EBUSY)
        self.requests.open[id] = self.program
        self.files = self.files or CellFiles(self.program.pid)
        task['file'] = self.files.write(task['code'])
        task['wasInterrupted'], self.was_interrupted = self.was_interrupted, False
        self.program.start_cell(id, task, CELL_ENDED)

    def is_idle(self):
        is_open = self.base_bytes is not None
        return is_open and not self.is_evicted and not self.program.expected_tag

    def opened(self):
        self.base_bytes = own_bytes_of(self.program.pid)
        self.requests.channel.send(STARTED, self.id, to_json({'pid': self.program.pid}))
        self.became_idle()

    def became_idle(self):
        self.program.expected_tag = b''
        self.program.pause_output()
        self.contexts.became_idle(self)

    def evict(self):
        self.is_evicted = True
        self.program.signal(_signal.SIGKILL)

    def closed(self, exit):
        self.remove()
        if self.files:
            self.files.remove()
        if self.is_evicted:
            exit['cause'] = 'oom'
        self.requests.done(self.id, exit)

    def remove(self):
        del self.contexts.by_name[self.name]
