"""A process that runs a program: its pipes, its socket and its end. Runs in the agent."""

import _signal

from .code_file import write_main_file
from .json_codec import to_json
from .pipes import OutputPipe, StdinPipe
from .processes import cpu_ms_of, signal_tree
from .program_socket import ProgramSocket
from .protocol import STARTED, STDERR, STDOUT, WINDOW
from .requests import Request
from .socket_messages import CONTEXT_READY, EXEC_FAILED


class Program(Request):
    def __init__(self, programs, pid, pipes, socket):
        self.loop, self.requests = programs.loop, programs.requests
        self.channel, self.exit_causes = programs.requests.channel, programs.exit_causes
        self.pid = pid
        self.id = 0  # of the request that it serves
        self.context, self.file = None, None
        self.exit = None
        self.cpu_ms_before = 0
        self.is_overdue, self.was_refused = False, False
        self.expected_tag = b''  # which message beside records its socket may send now
        stdin, stdout, stderr = pipes
        self.stdin = StdinPipe(self, stdin)
        self.pipes = [OutputPipe(self, STDOUT, stdout), OutputPipe(self, STDERR, stderr)]
        self.socket = ProgramSocket(self, *socket)
        self.outputs = [*self.pipes, self.socket]
        if not self.exit_causes.is_counted:
            self.pipes[1].listener = self.notice_refusal

    def start(self, id, task, context):
        """Sends the spare its task, and the path of its code when the file is written.

        The path is sent later, so that the file is written while the spare prepares itself.
        """
        self.id = id
        self.cpu_ms_before = cpu_ms_of(self.pid)  # the warm-up of the spare is not the program's
        if context:
            self.context, self.expected_tag = context, CONTEXT_READY
            context.program = self
        elif task.get('exec'):
            self.expected_tag = EXEC_FAILED
        self.socket.send_task(to_json(task))
        if 'code' in task:
            announce = lambda path: self.socket.send_task(to_json(path))
            self.file = write_main_file(task['code'], task['cwd'], self.pid, announce)
            self.grant_window()

    def start_cell(self, id, task, expected_tag):
        self.id, self.expected_tag = id, expected_tag
        self.socket.send_task(to_json(task))
        self.grant_window()

    def grant_window(self):
        for output in self.outputs:
            output.add_credit(WINDOW)

    def pause_output(self):
        for output in self.outputs:
            output.pause()

    def close(self):
        for end in (self.stdin, *self.outputs):
            end.close()

    # Frames of the host

    def data(self, data):
        self.stdin.data(data)

    def eof(self):
        self.stdin.eof()

    def credit(self, stream, amount):
        if STDOUT <= stream <= len(self.outputs):
            self.outputs[stream - 1].add_credit(amount)
            self.output_sent()
            self.answer_if_over()

    def signal(self, number):
        if self.exit is None:
            if self.context and number == _signal.SIGINT:
                self.context.was_interrupted = True
            signal_tree(self.pid, number)

    def end_overdue(self):
        self.is_overdue = True
        self.signal(_signal.SIGKILL)
        return True

    # Reports of the pipes and the socket

    def output_sent(self):
        """Lets a record follow that came after this output."""
        self.socket.output_sent()

    def notice_refusal(self, text):
        self.was_refused = self.was_refused or self.exit_causes.is_refusal(text)

    def exec_settled(self, is_started):
        """Handles the result of `exec`: success closed the socket, a failure was reported."""
        self.expected_tag = b''
        if is_started:
            self.channel.send(STARTED, self.id, to_json({'pid': self.pid}))
        self.grant_window()

    def context_ready(self):
        self.stdin.close()
        self.context.opened()

    def cell_ended(self, exit_code, cpu_us):
        if self.exit is None:  # else the process has ended since
            self.context.became_idle()
        usage = {'cpuMs': cpu_us / 1000}
        self.requests.done(self.id, {'exitCode': exit_code, 'signal': None, 'usage': usage})

    # The end

    def exited(self, status, usage):
        usage['cpuMs'] = round(max(0, usage['cpuMs'] - self.cpu_ms_before), 3)
        self.exit = self.exit_causes.exit_of(status, usage)
        if self.is_overdue and self.exit['signal']:
            self.exit['cause'] = 'timeout'
        if self.context:
            self.context.closed(self.exit)
        if self.file:
            self.loop.postpone(self.file.remove)
        self.stdin.close()
        for output in self.outputs:
            output.read_tail()
        if self.was_refused and self.exit['exitCode'] != 0 and not self.exit.get('cause'):
            self.exit['cause'] = 'pids'
        self.answer_if_over()

    def answer_if_over(self):
        if self.exit is not None and all(output.is_over for output in self.outputs):
            self.requests.done(self.id, self.exit)
