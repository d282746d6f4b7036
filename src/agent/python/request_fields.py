"""Checks the fields of requests: a ValueError is a field that makes no sense. Runs in the agent."""

import os

from .config import WORKSPACE


def task_of(request, args, **more):
    """Returns the task of a program, with no value that a system call would refuse later."""
    cwd, env = request.get('cwd'), request.get('env') or {}
    cwd = os.path.join(WORKSPACE, cwd) if cwd else WORKSPACE
    timeout_ms = request.get('timeoutMs')
    if timeout_ms is not None and (type(timeout_ms) not in (int, float) or timeout_ms < 0):
        raise ValueError('not a time')
    texts = [cwd, *env, *env.values()] + args
    if os.fsencode('\0'.join(texts)).count(0) >= len(texts):
        raise ValueError('a NUL')
    if not all(env) or '=' in ''.join(env):
        raise ValueError('not the name of a variable')
    return {'cwd': cwd, 'env': env, 'args': args, **more}


def check_context_name(name):
    if type(name) is not str or not name:
        raise ValueError('not the name of a context')
    return name


def check_call(call):
    kinds = call and [type(call.get(field)) for field in ('entry', 'args', 'kwargs')]
    if call is not None and kinds != [str, list, dict]:
        raise ValueError('not a call')


def check_file_request(request):
    """Paths are not checked: the system calls refuse those that make no sense."""
    for name in ('offset', 'length', 'mode'):
        value = request.get(name, 0)
        if type(value) is not int or not 0 <= value <= (0o7777 if name == 'mode' else 2**53):
            raise ValueError(name)
    mtime = request.get('mtimeMs', 0)
    if type(mtime) not in (int, float) or not 0 <= mtime <= 2**53:
        raise ValueError('mtimeMs')
    for name in ('atomic', 'recursive'):
        if type(request.get(name, False)) is not bool:
            raise ValueError(name)
