"""Shortens the texts of records. It works in programs."""

MAX_TEXT = 65536


def shorten(text, end=0, length=MAX_TEXT):
    """Keeps the beginning, and `end` characters of the end."""
    if len(text) <= length:
        return text
    kept = length - 50
    note = '\n[%d characters left out]' % (len(text) - kept)
    return text[: kept - end] + note + ('\n' + text[-end:] if end else '')
