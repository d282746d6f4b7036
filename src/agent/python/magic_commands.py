"""The magics of notebooks that work without IPython. It runs in programs.

Translated code calls `run_magic`. Few programs need it, so modules are imported in the functions.
"""

import os
import sys

from .display import display
from .magic_capture import Capture
from .magic_times import Timing, time_repeatedly
from .pip_command import pip_words, run_pip
from .shell import expand, output_of, run_script, run_shell
from .user_loop import user_loop

TOP_LEVEL_AWAIT, IS_COROUTINE = 0x2000, 0x80


class Call:
    """One use of a magic: its text, the rest of its cell, and the names where it is."""

    def __init__(self, text, body, frame):
        self.text, self.body = text, body
        self.globals, self.locals = frame.f_globals, frame.f_locals
        self.names = {**self.globals, **self.locals}


def run_magic(kind, text, body=None):
    call, function = Call(text, body, sys._getframe(1)), COMMANDS[kind]
    if function not in (time_once, time_many, help_on):
        call.text = expand(text, call.names)
    return function(call)


def shell(call):
    words = pip_words(call.text)
    if words is None:
        run_shell(call.text, call.globals)
    else:
        call.globals['_exit_code'] = run_pip(words)


def lines(call):
    return output_of(call.text, call.globals)


def pip(call):
    call.text = 'pip ' + call.text
    shell(call)


def program(name):
    """Returns a line magic that runs a program of the image."""

    def run(call):
        call.text = name + ' ' + call.text
        shell(call)

    return run


def script(name):
    """Returns a cell magic that runs the cell as a script."""

    def run(call):
        import shutil

        found = shutil.which(name) or (sys.executable if name == 'python' else '/bin/sh')
        run_script(found, call.text, call.body)

    return run


def view(mime):
    """Returns a cell magic that shows the cell."""
    return lambda call: display({mime: call.body, 'text/plain': call.body}, raw=True)


def change_folder(call):
    try:
        os.chdir(path_of(call.text.replace('-q', '').strip() or '~'))
        print(os.getcwd())
    except OSError as error:
        print(error)


def folder(call):
    return os.getcwd()


def variable(call):
    """Returns a variable or all, or sets one."""
    name, sign, value = call.text.partition('=' if '=' in call.text.split(' ')[0] else ' ')
    name, value = name.strip(), value.strip()
    if sign:
        os.environ[name] = value
        return print('env: %s=%s' % (name, value))
    return os.environ[name] if name else dict(os.environ)


def write_file(call):
    words = call.text.split()
    is_appended = words[0] in ('-a', '--append')
    path = path_of(call.text.split(None, 1)[1] if is_appended else call.text)
    verb = 'Appending to' if is_appended else 'Overwriting' if os.path.exists(path) else 'Writing'
    print('%s %s' % (verb, path))
    with open(path, 'a' if is_appended else 'w', encoding='utf-8') as file:
        file.write(call.body if call.body.endswith('\n') else call.body + '\n')


def path_of(text):
    return os.path.expanduser(text.strip('\'"'))


def run_file(call):
    """Runs a file as the main program, and takes over its variables."""
    import runpy
    import shlex

    words = [word for word in shlex.split(call.text)]
    while words and words[0].startswith('-'):
        words.pop(0)
    before, sys.argv = sys.argv, words
    try:
        names = runpy.run_path(words[0], run_name='__main__')
    except SystemExit as exit:
        if exit.code not in (None, 0):
            raise
        return
    finally:
        sys.argv = before
    call.globals.update((name, names[name]) for name in names if not name.startswith('__'))


def time_once(call):
    try:
        code = compile(call.text, '<timed eval>', 'eval', TOP_LEVEL_AWAIT, dont_inherit=True)
    except SyntaxError:
        code = compile(call.text, '<timed exec>', 'exec', TOP_LEVEL_AWAIT, dont_inherit=True)
    with Timing('', {}):
        value = eval(code, call.globals, call.locals)
        return user_loop.wait_for(value) if code.co_flags & IS_COROUTINE else value


def time_many(call):
    time_repeatedly(call.text, call.body, call.names)


def help_on(call):
    """Shows what `name?` shows."""
    import inspect

    try:
        value = eval(call.text, call.names)
    except Exception:
        return print('Object `%s` not found.' % call.text)
    try:
        print('Signature: %s%s' % (call.text, inspect.signature(value)))
    except (TypeError, ValueError):
        pass
    print('Type:      %s' % type(value).__name__)
    print('Docstring:\n%s' % (inspect.getdoc(value) or '<no docstring>'))


def nothing(call):
    """Does what the magic asks for already, or cannot be done without harm."""


LINE_COMMANDS = {
    **{name: program(name) for name in ('ls', 'cat', 'mkdir', 'rmdir', 'rm', 'cp', 'mv')},
    **dict.fromkeys(('matplotlib', 'config', 'load_ext', 'reload_ext', 'autoreload'), nothing),
    'cd': change_folder,
    'env': variable,
    'pip': pip,
    'pwd': folder,
    'run': run_file,
    'set_env': variable,
    'system': lines,
    'time': time_once,
    'timeit': time_many,
}
CELL_COMMANDS = {
    **{name: script(name) for name in ('bash', 'sh', 'python', 'python3')},
    'file': write_file,
    'html': view('text/html'),
    'latex': view('text/latex'),
    'markdown': view('text/markdown'),
    'svg': view('image/svg+xml'),
    'timeit': time_many,
    'writefile': write_file,
}
CELL_BLOCKS = {'capture': Capture, 'time': Timing}  # the rest of the cell is Python
COMMANDS = {
    '!': shell,
    '!!': lines,
    '?': help_on,
    **{'%' + name: function for name, function in LINE_COMMANDS.items()},
    **{'%%' + name: function for name, function in CELL_COMMANDS.items()},
}
