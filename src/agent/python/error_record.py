"""Reports an error that the user's code did not catch. It works in programs."""

from .agent_socket import agent_socket
from .json_codec import to_utf8_json
from .shortened_text import MAX_TEXT, shorten
from .tracebacks import print_error


def report_error(error, file):
    """Prints an error on stderr as Python does, and sends it as a record."""
    text = print_error(error, file)
    try:
        message = str(error)
    except Exception:
        message = ''
    record = {'type': 'error', 'name': shorten(type(error).__name__), 'message': shorten(message)}
    agent_socket.send_record(to_utf8_json({**record, 'traceback': shorten(text, MAX_TEXT // 2)}))
