# In a child: what a called function gives, as JSON

import sys
import types

from .frames import MAX_RECORD
from .line import line
from .notation import as_utf8
from .waits import wait_for

MAX_DEPTH = 200
MAX_INTEGER = 2**53 - 1


class Refusal(Exception):
    """The entry cannot be called, or its value cannot be sent."""


def refuse(path, what):
    at = 'at %s ' % path[:1000] if path else ''
    raise Refusal('value', 'the value %s%s' % (at, what))


def value_record(value):
    text = as_utf8({'type': 'value', 'value': plain(value, '', ())})
    if len(text) > MAX_RECORD - 100:
        refuse('', 'is %d bytes of JSON, more than 4 MiB' % len(text))
    return text


def plain(value, path, above):
    """It in what JSON has; `above` is what it is in."""
    if value is None or type(value) in (bool, str):
        return value
    enum = sys.modules.get('enum')
    if enum and isinstance(value, enum.Enum):
        return plain(value.value, path, above)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return integer(value, path)
    if isinstance(value, float):
        return real(value, path)
    if isinstance(value, (bytes, bytearray, memoryview)):
        import binascii

        return binascii.b2a_base64(bytes(value), newline=False).decode()
    dates = sys.modules.get('datetime')
    if dates and isinstance(value, (dates.date, dates.time)):
        if value != value:
            refuse(path, 'is no time, which JSON does not have')  # pandas' NaT
        return value.isoformat()
    if any(value is one for one in above):
        refuse(path, 'is in itself, which JSON does not have')
    if len(above) >= MAX_DEPTH:
        refuse(path, 'is more than %d levels deep' % MAX_DEPTH)
    return compound(value, path, (*above, value))


def integer(value, path):
    if abs(value) > MAX_INTEGER:
        refuse(path, 'is an integer beyond 2**53 - 1, which JSON does not have everywhere')
    return int(value)


def real(value, path):
    if value != value or abs(value) == float('inf'):
        name = 'NaN' if value != value else 'Infinity' if value > 0 else '-Infinity'
        refuse(path, 'is %s, which JSON does not have' % name)
    return float(value)


def compound(value, path, above):
    kind = type(value)
    if isinstance(value, dict):
        return members(value, path, above)
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(one, '%s[%d]' % (path, at), above) for at, one in enumerate(value)]
    if hasattr(kind, '__dataclass_fields__'):
        fields = sys.modules['dataclasses'].fields(value)
        return members({field.name: getattr(value, field.name) for field in fields}, path, above)
    if hasattr(kind, 'tolist'):
        return plain(value.tolist(), path, above)
    article = 'an' if kind.__name__[:1].lower() in 'aeiou' else 'a'
    refuse(path, 'is %s %s, which JSON does not have' % (article, kind.__name__[:100]))


def members(value, path, above):
    found = {}
    for key, one in value.items():
        if isinstance(key, bool) or not isinstance(key, (str, int)):
            kind = type(key).__name__[:100]
            refuse(path, 'has a key of type %s: strings and integers can be' % kind)
        name = str.__str__(key) if isinstance(key, str) else int.__repr__(key)
        if name in found:
            refuse(path, 'has two keys that are the same in JSON')
        found[name] = plain(one, '%s.%s' % (path, name), above)
    return found


def call(request, names):
    """Calls a function of the user's and sends what it gives."""
    entry = request['entry']
    if entry not in names:
        raise Refusal('entry', "there is no '%s'" % entry[:1000])
    function = names[entry]
    if not callable(function):
        kind = type(function).__name__
        raise Refusal('entry', "'%s' is %s, not a function" % (entry[:1000], kind))
    value = function(*request['args'], **request['kwargs'])
    if hasattr(type(value), '__await__'):
        value = wait_for(value)
    if isinstance(value, types.AsyncGeneratorType):
        value = wait_for(gather(value))
    if isinstance(value, types.GeneratorType):
        value = list(value)
    line.say(value_record(value))


async def gather(values):
    return [value async for value in values]
