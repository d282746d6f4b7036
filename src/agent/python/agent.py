"""Serves the requests of the host, in turns of one event loop. It runs in the agent's process."""

import _signal
import errno
import os
import select
import sys

from .channel import Channel
from .contexts import Contexts
from .event_loop import EventLoop
from .file_operations import FILE_OPERATIONS
from .file_requests import FileRead, FileWrite
from .json_codec import from_json, to_json
from .memory_guard import MemoryGuard
from .name_server import serve_names
from .programs import Programs, WaitingRequest
from .protocol import CHUNK, HELLO, PING, REQUEST, VERSION
from .request_fields import check_call, check_context_name, check_file_request, task_of
from .requests import Requests
from .system_calls import os_error
from .user_server import serve_users


class Agent:
    def __init__(self, zygote_socket, exit_causes):
        self.loop = EventLoop()
        self.channel = Channel()
        self.requests = Requests(self.channel)
        self.contexts = Contexts(self.requests)
        self.programs = Programs(self.loop, self.requests, exit_causes, zygote_socket)
        self.memory = MemoryGuard(self.programs, exit_causes)
        self.operations = {'run': self.run, 'open': self.open_context, 'exec': self.execute}

    def serve(self, code_cache):
        """Serves the host until it is gone."""
        self.programs.zygote.fork()
        self.reap_orphans()
        self.warm_up()
        self.loop.watch(0, select.EPOLLIN, self.receive)
        if code_cache:
            self.channel.send_code_cache(code_cache)
        send_hello(self.channel)
        serve_names(self.loop)
        serve_users(self.loop)
        self.channel.flush()
        while True:
            self.handle_events()
            self.channel.flush()
            self.check()

    def handle_events(self):
        longest = 0 if self.requests.steppable else self.memory.wait_s(self.programs.pause_s())
        if not self.loop.handle_ready(self.requests.deadlines.wait_s(longest)):
            self.programs.fork_if_due()
        self.requests.step_next()

    def check(self):
        """Does what depends on the time. It sends nothing."""
        self.channel.exit_if_silent()
        self.requests.deadlines.check()
        self.memory.check()

    def warm_up(self):
        """Does a run before the host's first, which touches memory pages of all processes."""
        self.start_request(0, to_json({'op': 'run', 'code': "print(end='')"}))
        while self.requests.open:
            self.handle_events()
        self.channel.discard()
        self.programs.forget_runs()
        while not self.programs.has_spares():
            self.handle_events()

    def reap_orphans(self):
        """Reaps the children of programs that have ended: their parent is now the agent."""
        wake, wake_up = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(wake_up, False)
        _signal.set_wakeup_fd(wake_up, warn_on_full_buffer=False)
        _signal.signal(_signal.SIGCHLD, lambda *_: None)

        def reap():
            try:
                os.read(wake, CHUNK)
                while os.wait4(-1, os.WNOHANG)[0]:
                    pass
            except (BlockingIOError, ChildProcessError):
                pass

        self.loop.watch(wake, select.EPOLLIN, reap)

    def receive(self):
        for kind, id, payload in self.channel.receive():
            if kind == REQUEST:
                self.start_request(id, payload)
            elif kind == PING:
                self.channel.send(PING, id, payload)
            else:
                self.requests.take_frame(kind, id, payload)

    def start_request(self, id, payload):
        try:
            request = from_json(payload)
            operation = self.operations.get(request['op'], self.access_files)
            operation(id, request)
        except Exception as error:
            self.requests.fail(id, error)

    def run(self, id, request):
        code, call = request['code'].lstrip('\ufeff'), request.get('call')
        check_call(call)
        if 'context' in request:
            self.run_cell(id, request, code)
        else:
            task = task_of(request, request.get('args') or [], code=code, call=call)
            if 'import' in code:
                self.programs.zygote.want_common_imports()
            self.programs.start(WaitingRequest(id, task))
        self.requests.deadlines.add(id, request.get('timeoutMs'))

    def run_cell(self, id, request, code):
        name = check_context_name(request['context'])
        if request.get('call'):
            raise os_error(errno.EINVAL)
        self.contexts.run(name, id, {'code': code})

    def open_context(self, id, request):
        name = check_context_name(request['context'])
        self.contexts.check_unused(name)
        task = task_of(request, [], context=True)
        self.programs.start(WaitingRequest(id, task, self.contexts.add(name, id)))

    def execute(self, id, request):
        task = task_of(request, request['argv'], exec=True)
        if not task['args']:
            raise ValueError('nothing to execute')
        self.programs.start(WaitingRequest(id, task))
        self.requests.deadlines.add(id, request.get('timeoutMs'))

    def access_files(self, id, request):
        check_file_request(request)
        kind = FileWrite if request['op'] in ('write', 'place') else FileRead
        steps = FILE_OPERATIONS[request['op']](request)
        self.requests.open[id] = kind(self.requests, id, steps)
        self.requests.step(id)


def send_hello(channel, **more):
    hello = {'version': VERSION, 'language': sys.version.split()[0], **more}
    channel.send(HELLO, 0, to_json(hello))


def refuse_service(reason):
    """Sends a hello frame with the reason, and waits for the end of the host's stream."""
    channel = Channel()
    send_hello(channel, failed=reason)
    channel.flush()
    while os.read(0, CHUNK):
        pass
    os._exit(0)
