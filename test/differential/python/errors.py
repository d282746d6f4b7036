# === error-in-nested-functions
def outer(value):
    return inner(value + 1)


def inner(value):
    assert value < 0, f'value is {value}'


outer(
    41,
)

# === error-with-a-cause
def load():
    try:
        {}['name']
    except KeyError as error:
        raise RuntimeError('cannot load') from error


load()

# === error-with-a-context
try:
    1 / 0
except ZeroDivisionError:
    int('no number')

# === error-with-a-suppressed-context
try:
    1 / 0
except ZeroDivisionError:
    raise ValueError('alone') from None

# === error-with-notes
error = ValueError('with notes')
error.add_note('first note\nof two lines')
error.add_note('second note')
raise error

# === error-group
raise ExceptionGroup(
    'several',
    [ValueError('one'), ExceptionGroup('inner', [TypeError('two'), OSError(2, 'three')])],
)

# === error-group-from-tracebacks
def fail(kind):
    raise kind('failed')


errors = []
for kind in (ValueError, TypeError):
    try:
        fail(kind)
    except Exception as error:
        errors.append(error)
raise ExceptionGroup('both', errors)

# === error-with-a-cycle-of-causes
first, second = ValueError('first'), TypeError('second')
first.__cause__ = second
second.__cause__ = first
raise first

# === error-whose-text-fails
class Broken(Exception):
    def __str__(self):
        raise TypeError('no text')


raise Broken(1)

# === error-whose-class-is-in-a-class
class Outer:
    class Inner(Exception):
        """An error with a qualified name."""


raise Outer.Inner('nested')

# === error-whose-class-says-another-module
class Failure(Exception):
    __module__ = 'package.module'


raise Failure('from a package')

# === error-with-a-changed-traceback
def fail():
    raise ValueError('from fail')


try:
    fail()
except ValueError as error:
    raise error.with_traceback(None)

# === error-in-recursion
def descend(depth):
    return descend(depth + 1)


descend(0)

# === error-in-a-generator
def numbers():
    yield 1
    raise LookupError('after one')


for number in numbers():
    print(number)

# === error-in-exec
source = 'def f():\n    return 1 / 0\nf()\n'
exec(source)

# === error-in-exec-with-the-name-of-the-program
exec(compile('\n\nundefined_name\n', __file__, 'exec'))

# === error-in-a-property
class Sample:
    @property
    def value(self):
        return self._value


Sample().value

# === error-on-a-long-line
values = {'key': [1, 2, 3]}
result = values['key'][0] + values['key'][1] + values['key'][2] + values['other'][0] + values['key'][1] + sum(values['key'])

# === error-on-a-line-with-wide-characters
größe, 数 = 'ä', 5
print('größe: ' + größe + 数)

# === error-on-an-indented-line-of-tabs
if True:
	for number in [1]:
		number.append(2)

# === error-on-a-continued-line
total = (
    1
    + 2
    + len(5)
    + 3
)

# === error-did-you-mean-a-name
counter = 1
print(countr)

# === error-did-you-mean-an-attribute
import collections

collections.OrderdDict()

# === error-did-you-mean-an-import
from collections import namedtupel

# === error-did-you-mean-self
class Account:
    def __init__(self):
        self.balance = 1

    def show(self):
        print(balance)


Account().show()

# === error-of-a-key-that-is-unprintable
{}['\udcff key']

# === error-printed-by-traceback
import traceback


def fail():
    raise ValueError('printed')


try:
    fail()
except ValueError:
    traceback.print_exc()
    print(traceback.format_exc())
traceback.print_stack()
print(traceback.extract_stack())

# === error-with-tracebacklimit
import sys

sys.tracebacklimit = 1


def outer():
    inner()


def inner():
    1 / 0


outer()

# === error-with-tracebacklimit-zero
import sys

sys.tracebacklimit = 0
1 / 0

# === error-in-a-helper-module
from pathlib import Path

Path('helper.py').write_text('def half(x):\n    return x / 0\n')
import helper

helper.half(2)

# === error-while-a-helper-is-imported
from pathlib import Path

Path('helper.py').write_text('x = 1\nraise RuntimeError(__name__)\n')
import helper

# === error-of-syntax-in-a-helper
from pathlib import Path

Path('helper.py').write_text('def broken(:\n    pass\n')
import helper

# === error-in-a-callback-from-c
import sys


def trace(frame, event, argument):
    raise ValueError('in trace')


sys.settrace(trace)
(lambda: 1)()
print('after')

# === error-in-a-ctypes-callback
import ctypes

COMPARE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))


@COMPARE
def compare(left, right):
    raise ValueError('in a callback')


numbers = (ctypes.c_int * 2)(2, 1)
ctypes.CDLL(None).qsort(numbers, 2, ctypes.sizeof(ctypes.c_int), compare)
print(sorted(numbers))

# === error-unraisable-hook
import sys


def hook(unraisable):
    print('hook', unraisable.exc_value, unraisable.err_msg)


sys.unraisablehook = hook


class Thing:
    def __del__(self):
        1 / 0


Thing()

# === error-in-a-weakref-callback
import weakref


class Thing:
    pass


thing = Thing()
reference = weakref.ref(thing, lambda _: 1 / 0)
del thing
print('after', reference())

# === error-logged
import logging

try:
    [][1]
except IndexError:
    logging.exception('while reading %s', 'rows')
logging.getLogger('named').warning('a warning')

# === error-with-a-very-long-text
raise ValueError('x' * 100_000)
