"""Shows values of the user's code by their richest representations. It works in programs."""

import builtins
import os

from .agent_socket import agent_socket
from .figures import figures
from .json_codec import to_json, to_utf8_json
from .protocol import MAX_RECORD
from .shortened_text import shorten

# The representations that a record has, by their MIME types
FIELDS = {
    'text/plain': 'text',
    'text/html': 'html',
    'text/markdown': 'markdown',
    'image/svg+xml': 'svg',
    'image/png': 'png',
    'image/jpeg': 'jpeg',
    'text/latex': 'latex',
    'application/json': 'json',
}
MAX_FIELD = 3 * 1024 * 1024


def install_display():
    """Adds the function `display` to the builtins, and replaces pyplot's `show()`."""
    builtins.display = display
    figures.install(display)


def display(*objects, raw=False, **_ignored):
    """Shows values. With `raw` they are representations by MIME type already."""
    for value in objects:
        representations = value if raw else representations_of(value)
        if os.getpid() != agent_socket.pid:
            print(representations.get('text/plain', '') if representations else '')
        elif representations:
            send_result(representations, False)


def representations_of(value):
    """Returns a value's representations by MIME type, as IPython does.

    Returns None if the value has displayed itself.
    """
    found = {}
    if not isinstance(value, type) and not claims_all_attributes(value):
        if results_of(value, '_ipython_display_'):
            return None
        for given in results_of(value, '_repr_mimebundle_', include=None, exclude=None):
            found.update(given if isinstance(given, dict) else {})
        for mime, field in FIELDS.items():
            if field != 'text' and mime not in found:
                for given in results_of(value, '_repr_%s_' % field):
                    found[mime] = given
        if figures.is_figure(value):
            found['image/png'] = figures.png_of(value)
    if found.get('text/plain') is None:
        found['text/plain'] = repr(value)
    return found


def claims_all_attributes(value):
    """Returns whether the value claims to have every attribute, as mocks do."""
    try:
        return hasattr(value, '_ipython_canary_method_should_not_exist_')
    except Exception:
        return True


def results_of(value, name, **options):
    """Returns a method's result in a list, which is empty if the method is missing or fails."""
    try:
        method = getattr(value, name, None)
        found = [] if method is None else [method(**options)]
        return [item[0] if isinstance(item, tuple) else item for item in found]  # no metadata
    except Exception:
        return []


def send_result(representations, is_main):
    """Sends a record, without the largest fields if it would be too long."""
    fields, omitted = {}, []
    for mime, field in FIELDS.items():
        text = encode_field(field, representations.get(mime))
        if text is not None:
            fields[field] = text
    while fields:
        largest = max(fields, key=lambda field: len(fields[field]))
        is_short = sum(map(len, fields.values())) < MAX_RECORD - 1000
        if len(fields[largest]) <= MAX_FIELD and is_short:
            break
        omitted.append(largest)
        del fields[largest]
    record = {'type': 'result', 'isMain': is_main, **({'omitted': omitted} if omitted else {})}
    members = [b'"%s":%s' % (field.encode(), text) for field, text in fields.items()]
    agent_socket.send_record(b'{%s}' % b','.join([to_json(record)[1:-1], *members]))


def encode_field(field, given):
    """Returns a representation as JSON, or None if its type is wrong."""
    if given is None:
        return None
    if field != 'json':
        if isinstance(given, (bytes, bytearray, memoryview)):
            import binascii

            given = binascii.b2a_base64(given, newline=False).decode()
        if not isinstance(given, str):
            return None
        given = shorten(given) if field == 'text' else given
    try:
        return to_utf8_json(given)
    except Exception:
        return None
