"""Ends a program's process as Python does. It runs in programs.

Python removes all modules at its end. That takes 4 ms, and 40 ms with pandas. So only the modules
of the user are removed here, and the files that others refer to are closed.
"""

# A program can replace the functions in modules. These names keep them.
import sys
from _io import BufferedRandom, BufferedWriter, TextIOWrapper, _IOBase, _RawIOBase
from _signal import SIG_DFL, SIGINT, signal
from _thread import _count as thread_count
from _weakref import ref
from atexit import _run_exitfuncs as run_exit_functions
from gc import collect, get_objects, isenabled
from os import _exit, getpid, kill
from sys import modules

from .system_calls import c_function
from .tracebacks import forget, print_ignored

WRITERS = (TextIOWrapper, BufferedWriter, BufferedRandom)
FLUSH_FAILED = 120
INTERRUPTED = -2  # no exit code of code: the process ends by SIGINT
fflush = c_function('fflush')


def exit_status(code):
    """Returns the exit code for the argument of `sys.exit`."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF if -(2**63) <= code < 2**63 else 255
    try:
        sys.stderr.write(str(code))
    except BaseException:
        pass  # Python says nothing either
    print(file=sys.stderr)
    return 1


def leave(status):
    """Ends the process, even if the program has broken what the steps need."""
    try:
        if not end_interpreter():
            status = FLUSH_FAILED
        if status == INTERRUPTED:
            signal(SIGINT, SIG_DFL)
            kill(getpid(), SIGINT)
    finally:
        _exit(128 + SIGINT if status == INTERRUPTED else status)


def end_interpreter():
    """Returns whether the standard streams were flushed. An error in a step prevents no other."""
    threading = modules.get('threading')
    if threading:
        try_step(lambda: threading._shutdown(), threading)
    try_step(run_exit_functions, run_exit_functions)
    is_flushed = flush_standard_streams()
    for step in (
        forget,
        flush_files,
        collect_garbage,
        restore_standard_streams,
        remove_modules,
        close_files,
    ):
        try_step(step, step)
    flush_quietly()
    fflush(0)
    return is_flushed


def rehearse():
    """Touches the memory pages that `leave` touches."""
    for step in (flush_standard_streams, forget, flush_files, collect_garbage, names_of_modules):
        try_step(step, step)
    fflush(0)


def try_step(step, subject):
    """Calls a function, and prints its error. Returns whether there was none."""
    try:
        step()
        return True
    except BaseException as error:
        print_ignored(error, subject)
        return False


def flush_standard_streams():
    streams = getattr(sys, 'stdout', None), getattr(sys, 'stderr', None)
    open_streams = [stream for stream in streams if stream is not None and not is_closed(stream)]
    return all([try_step(lambda: stream.flush(), stream) for stream in open_streams])


def flush_quietly():
    """Writes the output of the removal of the modules. Python ignores errors here."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:
            continue


def is_closed(stream):
    try:
        return getattr(stream, 'closed', False)
    except BaseException:
        return False


def flush_files():
    """Writes what files hold back. Python loses it if the file is in a cycle of references."""
    for file in open_files(WRITERS):
        try:
            file.flush()
        except BaseException:
            continue  # Python says nothing either


def close_files():
    """Closes the files that something else than a module of the user refers to."""
    if thread_count():
        return  # a daemon thread may wait in a file, and holds its lock
    for file in open_files(_IOBase):
        try:
            file.close()
        except BaseException:
            continue


def open_files(kinds):
    """Returns the files that the program has opened. A file comes before the file it writes to."""
    files = [file for file in get_objects() if issubclass(type(file), kinds)]
    return sorted(files, key=lambda file: layer_of(type(file)))


def layer_of(kind):
    if issubclass(kind, TextIOWrapper):
        return 0
    if issubclass(kind, (BufferedWriter, BufferedRandom)):
        return 2
    return 3 if issubclass(kind, _RawIOBase) else 1  # 1 are those of `gzip` and the like


def collect_garbage():
    if isenabled():
        collect()


def restore_standard_streams():
    sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__


def remove_modules():
    """Removes the user's modules. If something still refers to one, clears its variables."""
    removed = []
    for name in names_of_modules():
        removed.append(ref(modules[name]))
        modules[name] = None
    collect()
    if thread_count():
        return  # a daemon thread still runs and uses the variables; in Python it does not run
    for module in reversed(removed):
        if module() is not None:
            clear(module().__dict__)


def names_of_modules():
    """Returns the names of the user's modules, in the order of their imports."""
    names = []
    for name in reversed(modules):  # not all: with pandas, to touch each name takes 1 ms
        names.append(name)
        if name == '__main__':
            break
    return [name for name in reversed(names) if is_of_user(name, modules[name])]


def is_of_user(name, module):
    if type(module) is not type(sys):
        return False
    file, library = module.__dict__.get('__file__'), (sys.prefix + '/', sys.base_prefix + '/')
    if isinstance(file, str):
        return not file.startswith(library)
    return name == '__main__' or module.__dict__.get('__spec__') is None


def clear(names):
    """Clears variables in the order of Python: those that begin with one underscore come first."""
    for is_first_pass in (True, False):
        for name in list(names):
            is_first = name.startswith('_') and not name.startswith('__')
            if is_first == is_first_pass and name != '__builtins__':
                names[name] = None
