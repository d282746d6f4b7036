# In a child that was given code: from here on this interpreter is the user's


class Source:
    """Gives tracebacks and `inspect` the lines of a program that is in no file."""

    def __init__(self, code):
        self.code = code

    def get_source(self, _name):
        return self.code


def rehearse():
    """Touches what a run touches. A fresh fork pays for each page it touches first, about 4 us."""
    job = json.loads(as_json({'code': REHEARSAL, 'env': {}, 'args': []}))
    main = type(sys)('__main__')
    main.__dict__.update(__builtins__=__builtins__, __loader__=Source(job['code']))
    exec(compile(job['code'], 'main.py', 'exec', dont_inherit=True), main.__dict__)


REHEARSAL = """
import sys
def greet(name, *more):
    return f'{name}: {len(more)}'
try:
    for number in range(3):
        text = greet('x', number) + str(number * 2.5)
    sys.stdout.write('')
except ValueError as error:
    raise
"""


def run_code(job):
    code, file = job['code'], os.path.join(job['cwd'], 'main.py')
    os.environ.update(job['env'])
    sys.argv = [file, *job['args']]
    main = type(sys)('__main__')
    main.__dict__.update(__file__=file, __builtins__=__builtins__, __loader__=Source(code))
    sys.modules['__main__'] = main
    status = 0
    try:
        os.chdir(job['cwd'])
        sys.path.insert(0, job['cwd'])
        exec(compile(code, file, 'exec', dont_inherit=True), main.__dict__)
    except SystemExit as exit:
        status = exit_status(exit.code)
    except BaseException as error:
        status = 130 if isinstance(error, KeyboardInterrupt) else 1
        show(error, file)
    leave(status, main.__dict__)


def show(error, file):
    trace = error.__traceback__
    while trace and trace.tb_frame.f_code.co_filename != file:
        trace = trace.tb_next
    if sys.excepthook is not sys.__excepthook__:
        return sys.excepthook(type(error), error, trace)
    traceback.print_exception(type(error), error, trace)


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
        import atexit

        atexit._run_exitfuncs()
        for name in [name for name in names if not name.startswith('__')]:
            names[name] = None
        for stream in (sys.stdout, sys.stderr):
            if stream and not stream.closed:
                stream.flush()
    except BaseException as error:
        status = status or 120
        show(error, '')
    finally:
        os._exit(status)
