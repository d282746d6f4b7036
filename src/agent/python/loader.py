"""The agent's command line. It reads the bundle from stdin, and starts the module `main` of it.

The bundle's source is JSON: the text of each module by its name. It does not come as an argument,
because the engine would copy it many times. The code cache is the compiled source, made by
the same interpreter before: to compile takes longer than to start Python.
"""

import builtins
import marshal
import os
import sys


def read_exactly(size):
    data = memoryview(bytearray(size))
    read = 0
    while read < size:
        part = os.readv(0, [data[read:]])
        if part == 0:
            os._exit(0)  # the host is gone
        read += part
    return data


def load():
    """Returns the compiled modules by name, and the code cache if it is new."""
    payload = read_exactly(int.from_bytes(read_exactly(9)[5:], 'big'))
    end = 4 + int.from_bytes(payload[:4], 'big')
    interpreter = sys.version.replace('\n', ' ').encode() + b'\n'
    start = 4 + len(interpreter)
    if payload[4:start] == interpreter:
        return marshal.loads(payload[start:end]), None
    compiled = compile_in_child(payload[end:])
    return marshal.loads(compiled), interpreter + compiled


def compile_in_child(source):
    """Compiles in a child process: every program would inherit the 5 MB that this takes."""
    reading, writing = os.pipe()
    if not os.fork():
        import json

        codes = {
            name: marshal.dumps(compile(text, '<agent>', 'exec', optimize=2))
            for name, text in json.loads(bytes(source)).items()
        }
        with open(writing, 'wb') as pipe:
            pipe.write(marshal.dumps(codes))
        os._exit(0)
    os.close(writing)
    with open(reading, 'rb') as pipe:
        compiled = pipe.read()
    if os.wait()[1]:
        os._exit(1)  # the reason is on stderr
    return compiled


def import_main(codes, entry):
    """Imports the agent's modules, and returns the function `main` of the module `entry`.

    A module is loaded when it is imported: its objects then lie in few memory pages, and modules
    that are not used take no memory.

    Programs run in forks of this interpreter, and must not find these modules: none is in
    `sys.modules`, each is called `__main__`, and `from .x import y` works only during this call.
    """
    modules = {}

    def import_module(name, globals=None, locals=None, fromlist=(), level=0):
        # The agent's modules have no package. A relative import in a package is of that package.
        if level == 0 or (globals and globals.get('__package__')):
            return import_installed(name, globals, locals, fromlist, level)
        if name not in modules:
            modules[name] = type(sys)('__main__')
            exec(marshal.loads(codes[name]), modules[name].__dict__)
        return modules[name]

    import_installed = builtins.__import__
    builtins.__import__ = import_module
    try:
        return import_module(entry, level=1).main
    finally:
        builtins.__import__ = import_installed


codes, code_cache = load()
main = import_main(codes, 'main')
main(code_cache, (import_main.__code__, codes))
