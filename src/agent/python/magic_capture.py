"""Keeps the output of code in a variable, for `%%capture`. It runs in programs."""

import sys

from .agent_socket import agent_socket


class Capture:
    """Captures the output of a cell. An error of the cell is reported, and not captured."""

    hides_value = True

    def __init__(self, arguments, names):
        words = arguments.split()
        self.options = [word for word in words if word.startswith('-')]
        self.variable = next((word for word in words if word not in self.options), None)
        self.names = names

    def __enter__(self):
        import io

        self.before, self.records = (sys.stdout, sys.stderr), []
        out, err = self.texts = io.StringIO(), io.StringIO()
        if '--no-stdout' not in self.options:
            sys.stdout = out
        if '--no-stderr' not in self.options:
            sys.stderr = err
        if '--no-display' not in self.options:
            agent_socket.send_record = self.records.append

    def __exit__(self, *error):
        sys.stdout, sys.stderr = self.before
        agent_socket.__dict__.pop('send_record', None)
        if self.variable:
            texts = (text.getvalue() for text in self.texts)
            self.names[self.variable] = CapturedOutput(*texts, self.records)


class CapturedOutput:
    def __init__(self, stdout, stderr, records):
        self.stdout, self.stderr, self.records = stdout, stderr, records

    def show(self):
        sys.stdout.write(self.stdout)
        sys.stderr.write(self.stderr)
        for record in self.records:
            agent_socket.send_record(record)

    __call__ = show

    def __str__(self):
        return self.stdout
