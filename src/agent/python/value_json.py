"""Turns the value of a called function into JSON. It runs in programs."""

import sys

from .json_codec import to_utf8_json
from .protocol import MAX_RECORD
from .time_text import text_of_numpy_time, text_of_time

MAX_DEPTH = 200
MAX_INTEGER = 2**53 - 1


class Refusal(Exception):
    """The function cannot be called, or its value cannot be sent. Arguments: reason and message."""


def refuse(path, problem):
    place = 'at %s ' % path[:1000] if path else ''
    raise Refusal('value', 'the value %s%s' % (place, problem))


def value_record(value):
    text = to_utf8_json({'type': 'value', 'value': plain(value, '', ())})
    if len(text) > MAX_RECORD - 100:
        refuse('', 'is %d bytes of JSON, more than 4 MiB' % len(text))
    return text


def plain(value, path, parents):
    """Returns the value in types that JSON has. `parents` are the values that contain it."""
    if value is None or type(value) in (bool, str):
        return value
    enum = sys.modules.get('enum')
    if enum and isinstance(value, enum.Enum):
        return plain(value.value, path, parents)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return plain_integer(value, path)
    if isinstance(value, float):
        return plain_float(value, path)
    if isinstance(value, (bytes, bytearray, memoryview)):
        import binascii

        return binascii.b2a_base64(bytes(value), newline=False).decode()
    text = text_of_time(value)
    if text is not None:
        refuse_if_unknown(value, path)
        return text
    if any(value is parent for parent in parents):
        refuse(path, 'is in itself, which JSON does not have')
    if len(parents) >= MAX_DEPTH:
        refuse(path, 'is more than %d levels deep' % MAX_DEPTH)
    numpy = sys.modules.get('numpy')
    kinds = [getattr(numpy, name, ()) for name in ('ndarray', 'generic')]
    if isinstance(value, tuple(kinds)):
        return plain_array(value, path, (*parents, value))
    return plain_compound(value, path, (*parents, value))


def plain_integer(value, path):
    if abs(value) > MAX_INTEGER:
        refuse(path, 'is an integer beyond 2**53 - 1, which JSON does not have everywhere')
    return int(value)


def plain_float(value, path):
    if value != value or abs(value) == float('inf'):
        name = 'NaN' if value != value else 'Infinity' if value > 0 else '-Infinity'
        refuse(path, 'is %s, which JSON does not have' % name)
    return float(value)


def refuse_if_unknown(value, path):
    if value != value:  # NaT
        refuse(path, 'is no time, which JSON does not have')


def plain_array(value, path, parents):
    """Returns an array or a scalar of numpy. Its `tolist` makes numbers of nanoseconds."""
    names, is_time = value.dtype.names, value.dtype.kind in 'mM'
    if value.ndim and (is_time or names):
        return plain_items(value, path, parents)
    if is_time:
        refuse_if_unknown(value[()], path)
        return text_of_numpy_time(value[()])
    if names:
        return plain_items([value[name] for name in names], path, parents)
    if isinstance(value, sys.modules['numpy'].longdouble):  # its `tolist` is the same again
        return plain_float(float(value), path)
    return plain_compound(value, path, parents)


def plain_items(items, path, parents):
    return [plain(item, '%s[%d]' % (path, at), parents) for at, item in enumerate(items)]


def plain_compound(value, path, parents):
    kind = type(value)
    if isinstance(value, dict):
        return plain_members(value, path, parents)
    if isinstance(value, (list, tuple, set, frozenset)):
        return plain_items(value, path, parents)
    if hasattr(kind, '__dataclass_fields__'):
        fields = sys.modules['dataclasses'].fields(value)
        members = {field.name: getattr(value, field.name) for field in fields}
        return plain_members(members, path, parents)
    items = value.tolist() if hasattr(kind, 'tolist') else value
    if type(items) is not kind:
        return plain(items, path, parents)
    article = 'an' if kind.__name__[:1].lower() in 'aeiou' else 'a'
    refuse(path, 'is %s %s, which JSON does not have' % (article, kind.__name__[:100]))


def plain_members(value, path, parents):
    found = {}
    for key, item in value.items():
        if isinstance(key, bool) or not isinstance(key, (str, int)):
            kind = type(key).__name__[:100]
            refuse(path, 'has a key of type %s: strings and integers can be' % kind)
        name = str.__str__(key) if isinstance(key, str) else int.__repr__(key)
        if name in found:
            refuse(path, 'has two keys that are the same in JSON')
        found[name] = plain(item, '%s.%s' % (path, name), parents)
    return found
