"""Makes the text of a value, without the memory that the text of a huge value takes.

It works in programs.
"""

import _thread
import gc
import os
import sys

from .shortened_text import MAX_TEXT

# A value that holds more than this may have a huge text. It gets its text in another way.
HEAVY_BYTES = 4 * 1024 * 1024
MAX_LEVELS, MAX_ITEMS = 5, 1000
ROOM_BYTES = 64 * 1024 * 1024  # the memory that the text of a heavy value may take
BRACKETS = {
    list: ('[', ']'),
    tuple: ('(', ')'),
    dict: ('{', '}'),
    set: ('{', '}'),
    frozenset: ('frozenset({', '})'),
}


class Full(Exception):
    """The text is as long as the text of a record may be."""


def text_of(value):
    return text_of_heavy(value) if is_heavy(value) else repr(value)


def is_heavy(value):
    """Returns whether a value and the values in it hold much memory, as far as a glance shows."""
    total, level = 0, [value]
    skipped = (type, type(sys), type(is_heavy))
    try:
        for _ in range(MAX_LEVELS):
            total += sum(map(size_of, level))
            if total > HEAVY_BYTES:
                return True
            parents = [item for item in level if not issubclass(type(item), skipped)]
            level = gc.get_referents(*parents)[:MAX_ITEMS]
            if not level:
                return False
    except Exception:
        pass
    return False


def size_of(value):
    """Returns the size of a value. A method of Python code may take long, and is not called."""
    is_built_in = isinstance(type(value).__sizeof__, type(object.__sizeof__))
    return sys.getsizeof(value, 0) if is_built_in else 0


def text_of_heavy(value):
    parts, left = [], MAX_TEXT

    def add(text):
        nonlocal left
        parts.append(text)
        left -= len(text)
        if left < 0:
            raise Full

    try:
        with_memory_limit(lambda: write(value, add))
    except (Full, RecursionError):
        return ''.join(parts)[: MAX_TEXT - 50] + '\n[the rest is left out]'
    return ''.join(parts)


def write(value, add):
    """Adds the parts of `repr(value)`, but of a string only as much as a record may have."""
    kind = type(value)
    if kind in (str, bytes, bytearray):
        add(repr(value[: MAX_TEXT + 1]))
    elif kind in BRACKETS and value:
        start, end = BRACKETS[kind]
        add(start)
        for number, item in enumerate(value):
            add(', ' if number else '')
            write(item, add)
            if kind is dict:
                add(': ')
                write(value[item], add)
        add(',' + end if kind is tuple and len(value) == 1 else end)
    else:
        add(repr(value))


def with_memory_limit(action):
    """Calls a function that gets a MemoryError for a huge text, as the process could be killed."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_AS)
    with open('/proc/self/statm') as file:
        limit = int(file.read().split()[0]) * os.sysconf('SC_PAGE_SIZE') + ROOM_BYTES
    if _thread._count() or 0 <= limits[0] < limit:  # other threads need memory of their own
        return action()
    resource.setrlimit(resource.RLIMIT_AS, (limit, limits[1]))
    try:
        action()
    except MemoryError:
        raise MemoryError('the text takes more than %d MiB' % (ROOM_BYTES >> 20)) from None
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
