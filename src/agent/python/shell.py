"""Runs shell commands of notebooks, with their output in the order of the program's own.

It runs in programs.
"""

import sys

from .agent_socket import flush_output


def run_shell(command, names):
    """Runs a command as `!command`. Its output goes to the streams that the program has now."""
    names['_exit_code'] = run([shell_name(), '-c', with_python(command)])


def run_script(program, arguments, body):
    """Runs a script of a cell. Raises an error if it fails, as IPython does."""
    import shlex
    import subprocess

    status = run([program, *shlex.split(arguments)], body)
    if status:
        raise subprocess.CalledProcessError(status, body)


def output_of(command, names):
    """Returns the lines that a command writes, as `x = !command`."""
    import subprocess

    flush_output()
    argv = [shell_name(), '-c', with_python(command)]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    names['_exit_code'] = done.returncode
    return Lines(done.stdout.decode(errors='replace').splitlines())


class Lines(list):
    """A list of lines. As in IPython, `n` joins them by line feeds, and `s` by spaces."""

    l = property(list)
    n = property('\n'.join)
    s = property(' '.join)


def run(argv, text=None, env=None):
    """Runs a program to its end, and returns its exit code. `text` is its input."""
    import subprocess

    flush_output()
    pipe = subprocess.PIPE
    streams = (sys.stdout, sys.__stdout__), (sys.stderr, sys.__stderr__)
    outputs = [None if stream is own else pipe for stream, own in streams]
    given = {} if text is None else {'input': text.encode()}
    done = subprocess.run(argv, stdout=outputs[0], stderr=outputs[1], env=env, **given)
    for (stream, _), data in zip(streams, (done.stdout, done.stderr)):
        if data and stream:
            stream.write(data.decode(errors='replace'))
    return done.returncode


def shell_name():
    import shutil

    return shutil.which('bash') or '/bin/sh'


def with_python(command):
    """Lets a command run this Python as `python`, if the image has no such program."""
    import shutil

    first, space, rest = command.partition(' ')
    if first != 'python' or shutil.which('python'):
        return command
    return sys.executable + space + rest


def expand(text, names):
    """Replaces `{expression}` and `$name` by values. The text is unchanged if one of them fails."""
    try:
        return ''.join(expanded_parts(text, names))
    except Exception:
        return text


def expanded_parts(text, names):
    import string

    for literal, field, spec, conversion in string.Formatter().parse(text):
        yield from with_values(literal, names)
        if field is not None:
            value = eval(field + (':' + spec if spec else ''), names)
            yield format(string.Formatter().convert_field(value, conversion))


def with_values(text, names):
    """Replaces `$name` outside of single quotes, if it is a name of Python."""
    import re

    start = 0
    for match in re.finditer(r"\$(\$?)([\w.]+)(?=(?:[^']*'[^']*')*[^']*$)", text):
        yield text[start : match.start()]
        dollar, name = match.groups()
        is_ours = not dollar and name.partition('.')[0] in names
        yield format(eval(name, names)) if is_ours else '$' + name
        start = match.end()
    yield text[start:]
