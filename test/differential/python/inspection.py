# === inspect-source-of-a-function
import inspect


def greet(name):
    # a comment
    return f'Hello, {name}'


print(inspect.getsource(greet), inspect.getsourcefile(greet), inspect.getcomments(greet))

# === inspect-source-of-a-class
import inspect


class Point:
    """A point."""

    x = 1

    class Inner:
        pass


print(inspect.getsource(Point), inspect.getsource(Point.Inner))

# === inspect-source-of-a-lambda
import inspect

double = lambda x: x * 2  # noqa: E731
print(inspect.getsource(double))

# === inspect-module
import inspect
import sys


def f():
    pass


module = sys.modules[__name__]
print(inspect.getmodule(f) is module, inspect.getfile(module), len(inspect.getsource(module)))

# === inspect-stack
import inspect


def inner():
    return [(info.function, info.lineno, info.code_context) for info in inspect.stack()]


print(inner())

# === inspect-caller
import inspect


def inner():
    frame = inspect.currentframe().f_back
    return frame.f_lineno, frame.f_code.co_name, inspect.getmodule(frame).__name__


print(inner())

# === inspect-lines-by-linecache
import linecache

print(repr(linecache.getline(__file__, 1)), len(linecache.getlines(__file__)))
linecache.checkcache()
print(repr(linecache.getline(__file__, 3)))

# === inspect-after-linecache-is-cleared
import linecache

linecache.clearcache()
1 / 0

# === inspect-source-in-exec
import inspect

names = {}
exec('def f():\n    return 1\n', names)
try:
    print(inspect.getsource(names['f']))
except OSError as error:
    print(error)

# === inspect-help
def documented(x: int = 1) -> int:
    """Explain the function."""


help(documented)

# === inspect-type-hints
import typing


class Node:
    next: 'Node'
    value: 'typing.Optional[int]' = None


print(typing.get_type_hints(Node))

# === inspect-dataclass
import dataclasses


@dataclasses.dataclass(order=True)
class Item:
    name: str
    tags: list = dataclasses.field(default_factory=list)

    def __post_init__(self):
        print('made', self.name)


print(Item('a') < Item('b'), dataclasses.asdict(Item('c')), Item.__module__, Item('d'))

# === inspect-dataclass-with-string-annotations
from __future__ import annotations

import dataclasses
from typing import ClassVar


@dataclasses.dataclass
class Item:
    count: ClassVar[int] = 0
    name: str = 'x'


print(dataclasses.fields(Item)[0].name, len(dataclasses.fields(Item)))

# === inspect-namedtuple
import collections
import typing

Point = collections.namedtuple('Point', 'x y')


class Pair(typing.NamedTuple):
    left: int
    right: int = 2


print(Point.__module__, Pair.__module__, Point(1, 2), Pair(1))

# === inspect-enum
import enum
import pickle


class Colour(enum.Enum):
    RED = enum.auto()


Animal = enum.Enum('Animal', 'CAT DOG')
print(Animal.__module__, pickle.loads(pickle.dumps(Animal.CAT)), pickle.loads(pickle.dumps(Colour.RED)))

# === inspect-repr-of-main-objects
class Thing:
    def method(self):
        pass


print(Thing, Thing.method.__qualname__, Thing.method.__module__, Thing.__module__)

# === inspect-pickle
import pickle


class Point:
    def __init__(self, x):
        self.x = x


data = pickle.dumps(Point(3))
print(b'__main__' in data, pickle.loads(data).x)

# === inspect-pickle-of-a-lambda
import pickle

pickle.dumps(lambda: 1)

# === inspect-doctest
import doctest


def double(x):
    """Double a number.

    >>> double(2)
    4
    >>> double('a')
    'ab'
    """
    return x * 2


print(doctest.testmod())

# === inspect-unittest
import unittest


class TestThing(unittest.TestCase):
    def test_good(self):
        self.assertEqual(1, 1)

    @unittest.skip('not now')
    def test_skipped(self):
        pass


if __name__ == '__main__':
    unittest.main(argv=['program'], exit=False, verbosity=0, testRunner=unittest.TextTestRunner(stream=open('/dev/null', 'w')))
    print('after')

# === inspect-unittest-that-fails
import unittest


class TestThing(unittest.TestCase):
    def test_bad(self):
        self.assertEqual([1, 2], [1, 3])


result = unittest.TestResult()
unittest.defaultTestLoader.loadTestsFromTestCase(TestThing).run(result)
print(result.failures[0][1])
unittest.main(testRunner=unittest.TextTestRunner(stream=open('/dev/null', 'w')))

# === inspect-garbage
import gc


class Cycle:
    pass


gc.collect()
for _ in range(3):
    cycle = Cycle()
    cycle.self = cycle
del cycle
print(gc.collect() >= 3, gc.isenabled(), gc.get_threshold(), gc.garbage)

# === inspect-memory-by-tracemalloc
import tracemalloc

tracemalloc.start()
data = [bytes(1000) for _ in range(100)]
snapshot = tracemalloc.take_snapshot()
top = max(snapshot.statistics('lineno'), key=lambda each: each.size)
print(top.traceback.format(), tracemalloc.is_tracing())

# === inspect-reference-counts
import sys
import weakref


class Thing:
    pass


thing = Thing()
alias = thing
print(sys.getrefcount(thing), weakref.getweakrefcount(thing))
