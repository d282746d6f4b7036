# === main-name-and-file
print(__name__, __file__, __package__, __doc__)

# === main-is-guarded
def main():
    print('main runs')


if __name__ == '__main__':
    main()

# === main-globals
print(sorted(name for name in globals() if name != '__annotations__'))

# === main-loader-and-spec
print(__spec__, type(__loader__).__name__)

# === main-builtins
import builtins

print(type(__builtins__), __builtins__ is builtins)

# === main-names-in-builtins
import builtins

print([name for name in dir(builtins) if not name.startswith('_')])

# === main-in-sys-modules
import sys

main = sys.modules['__main__']
main.value = 5
print(value, main.__file__, repr(main), vars(main) is globals())

# === main-imported-by-its-name
import __main__

value = 1
print(__main__.value)

# === main-imported-as-a-file
import os

if __name__ == '__main__':
    import main

    print(os.path.basename(main.__file__), main.value)
value = __name__

# === main-arguments {"args":["one","two words","--flag=ä",""]}
import sys

print(sys.argv)

# === main-parses-arguments {"args":["--unknown"]}
import argparse

parser = argparse.ArgumentParser(description='The description.')
parser.add_argument('--size', type=int, default=3)
parser.parse_args()

# === main-path
import os
import sys

print(sys.path[0], os.getcwd(), os.path.dirname(os.path.abspath(__file__)))

# === main-search-path
import sys

print(sys.path, sys.meta_path, sys.path_hooks)

# === main-reads-itself
print(open(__file__).read())

# === main-beside-data-files
from pathlib import Path

here = Path(__file__).resolve().parent
(here / 'data.txt').write_text('data')
print((here / 'data.txt').read_text(), here)

# === main-runs-itself-again {"args":["first"]}
import subprocess
import sys

print(sys.argv[1:], flush=True)
if sys.argv[1] == 'first':
    done = subprocess.run([sys.executable, __file__, 'second'], capture_output=True, text=True)
    print(done.returncode, done.stdout, done.stderr)

# === main-replaces-itself-by-exec {"args":["first"]}
import os
import sys

print(sys.argv[1], flush=True)
if sys.argv[1] == 'first':
    os.execv(sys.executable, [sys.executable, __file__, 'second'])

# === main-run-by-runpy
import runpy
from pathlib import Path

Path('other.py').write_text('print(__name__, __file__)\nvalue = 3\n')
print(runpy.run_path('other.py', run_name='other')['value'])
Path('module.py').write_text('import sys\nprint(__name__, sys.argv[0])\n')
runpy.run_module('module', run_name='__main__', alter_sys=True)

# === main-executable-and-flags
import sys

print(sys.executable, sys.prefix, sys.base_prefix, sys.flags)

# === main-options
import sys

print(sys._xoptions, sys.warnoptions, sys.dont_write_bytecode, sys.getrecursionlimit())

# === main-original-arguments
import sys

print(sys.orig_argv)

# === main-is-not-interactive
import sys

print(hasattr(sys, 'ps1'), hasattr(sys, 'last_type'), sys.flags.interactive, sys.stdin.isatty())

# === main-frame-is-the-outermost
import sys

frame = sys._getframe()
print(frame.f_back, frame.f_code.co_name, frame.f_code.co_filename, frame.f_lineno)

# === main-frame-is-too-shallow
import sys

sys._getframe(1)

# === main-deletes-its-names
del __file__, __name__
print('__file__' in globals())
print(__name__)

# === main-code-object
import sys

code = sys._getframe().f_code
print(code.co_name, code.co_firstlineno, code.co_flags, code.co_argcount)

# === main-profile
import sys

calls = []


def profile(frame, event, argument):
    if event in ('call', 'return'):
        calls.append((event, frame.f_code.co_name))


def work():
    pass


sys.setprofile(profile)
work()
sys.setprofile(None)
print(calls)

# === main-profile-until-the-end
import os
import sys


def profile(frame, event, argument):
    if event == 'return':
        os.write(1, f'{event} {frame.f_code.co_name}\n'.encode())


sys.setprofile(profile)

# === main-trace-of-lines
import sys


def trace(frame, event, argument):
    print(event, frame.f_code.co_name, frame.f_lineno)
    return trace


def work():
    x = 1
    return x


sys.settrace(trace)
work()
sys.settrace(None)

# === main-profiled-by-cprofile
import cProfile
import io
import pstats


def work():
    return sorted([2, 1])


profile = cProfile.Profile()
profile.runcall(work)
stream = io.StringIO()
stats = pstats.Stats(profile, stream=stream)
print(sorted(key[2] for key in stats.stats))

# === main-debugged-by-pdb {"stdin":"p value\nnext\np value\nq\n"}
value = 1
import pdb

pdb.set_trace()
value = 2
value = 3

# === main-breakpoint-of-the-builtin {"stdin":"where\nc\n"}
def work():
    breakpoint()
    return 1


print(work())

# === main-evaluates-code-interactively {"stdin":"1 + 1\nprint('in')\n"}
import code

code.interact(banner='banner', local={'x': 1}, exitmsg='exit')
