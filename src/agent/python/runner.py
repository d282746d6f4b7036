# In a child that was given code: from here on this interpreter is the user's

import _ast
import _signal as signal
import atexit
import builtins
import os
import sys
import time

from .frames import TURN_END
from .line import flush, line
from .notation import as_utf8
from .rich import bundle_of, figures, report, show
from .tracebacks import print_error
from .usual import import_usual, sources
from .values import Refusal, call
from .waits import wait_for

ONLY_AST, TOP_LEVEL_AWAIT = 0x400, 0x2000
FUTURES = 0x1FE0000  # the flags of __future__, which a script's last line has as well
IS_COROUTINE = 0x80


def new_module(name):
    module = type(sys)(name)
    module.__builtins__ = builtins
    return module


def run_code(job):
    os.environ.update(job['env'])
    main = new_module('__main__')
    sys.modules['__main__'] = main
    try:
        os.chdir(job['cwd'])
    except OSError as error:
        print_error(error, '')
        leave(1, {})
    sys.path.insert(0, job['cwd'])
    if job.get('context'):
        serve_runs(job['cwd'], main.__dict__)
    file = os.path.join(job['cwd'], 'main.py')
    sys.argv = [file, *job['args']]
    if job['call']:
        main = sys.modules['main'] = new_module('main')
    main.__file__ = file
    leave(run(job, file, main.__dict__), main.__dict__)


def serve_runs(cwd, names):
    """Of a context: one after the other, in the same module."""
    sys.argv = ['']
    import_usual()  # an interrupt must not find it in the middle of that
    handler = signal.signal(signal.SIGINT, ignore)
    job, count = line.next_job(b'y'), 0
    while job:
        count, start, status = count + 1, time.process_time(), 130
        try:
            signal.signal(signal.SIGINT, handler)
            status = run(job, os.path.join(cwd, 'cell-%d.py' % count), names)
            handler = signal.signal(signal.SIGINT, ignore)
        except KeyboardInterrupt:  # it came when all had been said
            handler = signal.signal(signal.SIGINT, ignore)
        flush()
        if not line.is_ours():
            break
        micros = round((time.process_time() - start) * 1e6)
        job = line.next_job(b'e', TURN_END.pack(status, micros))
    leave(status if count else 0, names)


def ignore(*_):
    """An interrupt between runs. Not SIG_IGN: what a thread starts would inherit it."""


def run(job, file, names):
    """One run: its exit code. What it throws is reported."""
    try:
        try:
            value = execute(job['code'], file, names)
            if job.get('call'):
                call(job['call'], names)
            elif value is not None:
                bundle = bundle_of(value)
                if bundle:
                    show(bundle, True)
        except SystemExit as exit:
            return exit_status(exit.code)
        finally:
            figures.finish()
    except Refusal as refused:
        reason, message = refused.args
        line.say(as_utf8({'type': 'refusal', 'reason': reason, 'message': message}))
        return 1
    except BaseException as error:
        report(error, file)
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    return 0


def execute(code, file, names):
    """Runs it, and gives the value of its last statement where that is an expression."""
    sources.keep(file, code)
    steps, last = steps_of(code, file)
    value = None
    for step in steps:
        value = eval(step, names)
        if step.co_flags & IS_COROUTINE:
            value = wait_for(value)
    return value if value is not None and not ends_in_semicolon(code, last) else None


def steps_of(code, file):
    flags, steps = TOP_LEVEL_AWAIT, []
    try:
        tree = compile(code, file, 'exec', ONLY_AST, dont_inherit=True)
        last = tree.body and isinstance(tree.body[-1], _ast.Expr) and tree.body.pop()
        if tree.body:
            steps.append(compile(tree, file, 'exec', flags, dont_inherit=True))
            flags |= steps[0].co_flags & FUTURES
        if last:
            value = _ast.Expression(last.value)
            steps.append(compile(value, file, 'eval', flags, dont_inherit=True))
        return steps, last
    except RecursionError:
        pass  # it is deeper than trees may be, code may: then it has no value
    return [compile(code, file, 'exec', TOP_LEVEL_AWAIT, dont_inherit=True)], None


def ends_in_semicolon(code, last):
    rest = code.encode().splitlines()[last.end_lineno - 1][last.end_col_offset :]
    return rest.lstrip().startswith(b';')


def exit_status(code):
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF if -(2**63) <= code < 2**63 else 255
    print(code, file=sys.stderr)
    return 1


def leave(status, names):
    """What an interpreter does at its end, without the time it takes to dismantle its modules."""
    try:
        if 'threading' in sys.modules:
            sys.modules['threading']._shutdown()
        atexit._run_exitfuncs()
        for name in [name for name in names if not name.startswith('__')]:
            names[name] = None
        for stream in (sys.stdout, sys.stderr):
            if stream and not getattr(stream, 'closed', False):
                stream.flush()
    except BaseException as error:
        status = status or 120
        print_error(error, '')
    finally:
        os._exit(status)
