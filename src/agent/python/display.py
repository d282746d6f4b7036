"""Shows values of the user's code by their richest representations. It works in programs."""

import builtins
import os

from .agent_socket import agent_socket
from .figures import figures
from .ipython import install_ipython
from .json_codec import to_json, to_utf8_json
from .protocol import MAX_RECORD
from .representations import FIELDS, Representations
from .shortened_text import shorten

MAX_FIELD = 3 * 1024 * 1024


def install_display():
    """Adds the function `display` to the builtins, and replaces pyplot's `show()`."""
    builtins.display = display
    figures.install(show_figure)
    install_ipython(display)


def display(*objects, raw=False, include=None, exclude=(), display_id=None, **_ignored):
    """Shows values, as IPython does. With `raw` they are representations by MIME type already."""
    for value in objects:
        shown = Representations()
        if raw:
            shown.found = value
        else:
            shown.of(value)
            found = shown.found.items()
            wanted = (include or FIELDS, exclude or ())
            shown.found = {k: v for k, v in found if k in wanted[0] and k not in wanted[1]}
        if os.getpid() != agent_socket.pid:
            print(shown.found.get('text/plain', ''))
        else:
            send_result(shown, False)
    if display_id:
        from IPython.core.display_functions import DisplayHandle

        return DisplayHandle(None if display_id is True else display_id)


def show_last(value):
    """Shows the value of the last expression. It raises no exception except an interrupt."""
    send_result(Representations(BaseException).of(value), True)


def show_figure(figure):
    """Shows a figure if its picture is not the same as the last time."""
    before = figures.hash_of(figure)
    shown = Representations().of(figure)
    if os.getpid() == agent_socket.pid and (shown.notes or figures.hash_of(figure) != before):
        send_result(shown, False)


def send_result(shown, is_main):
    """Sends a record, without the largest fields if it would be too long."""
    fields, omitted = {}, []
    for mime, field in FIELDS.items():
        given = shown.found.get(mime)
        if given is not None:
            shown.attempt(field, lambda: add_field(field, given, fields, omitted))
    room = MAX_RECORD - 1000 - len(to_json(shown.notes))
    while fields:
        largest = max(fields, key=lambda field: len(fields[field]))
        if len(fields[largest]) <= MAX_FIELD and sum(map(len, fields.values())) < room:
            break
        omitted.append(largest)
        del fields[largest]
    if not (fields or omitted or shown.notes):
        return
    lists = {'omitted': omitted, 'notes': shown.notes}
    record = {'type': 'result', 'isMain': is_main, **{k: v for k, v in lists.items() if v}}
    members = [b'"%s":%s' % (field.encode(), text) for field, text in fields.items()]
    agent_socket.send_record(b'{%s}' % b','.join([to_json(record)[1:-1], *members]))


def add_field(field, given, fields, omitted):
    """Adds a representation as JSON, unless its type is wrong."""
    if field == 'json':
        fields[field] = to_utf8_json(given)
        return
    is_text = isinstance(given, str)
    if not is_text and not isinstance(given, (bytes, bytearray, memoryview)):
        return
    given = str.__str__(given) if is_text else memoryview(given)
    if field == 'text' and is_text:
        given = shorten(given)
    if (len(given) if is_text else given.nbytes) > MAX_FIELD:
        omitted.append(field)
        return
    if not is_text:
        import binascii

        given = binascii.b2a_base64(given, newline=False).decode()
    fields[field] = to_utf8_json(given)
