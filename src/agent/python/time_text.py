"""Turns dates, times and durations into ISO 8601 text, as pandas does. It runs in programs."""

import sys

SECONDS = {'W': 604800, 'D': 86400, 'h': 3600, 'm': 60, 's': 1}
DIGITS = {'ms': 3, 'us': 6, 'ns': 9, 'ps': 12, 'fs': 15, 'as': 18}


def text_of_time(value):
    """Returns the text of a value of the library or of pandas. None if it is no time."""
    dates = sys.modules.get('datetime')
    if not dates:
        return None
    if isinstance(value, (dates.date, dates.time)):
        return value.isoformat()
    if isinstance(value, dates.timedelta):
        is_plain = type(value) is dates.timedelta
        return duration(value // value.resolution, 6) if is_plain else value.isoformat()
    period = getattr(sys.modules.get('pandas'), 'Period', None)
    return str(value) if period and isinstance(value, period) else None


def text_of_numpy_time(value):
    """Returns the text of a scalar of numpy, or its number if it has no unit."""
    if value.dtype.kind == 'M':
        found = value.tolist()
        return with_short_fraction(str(value)) if isinstance(found, int) else found.isoformat()
    unit, step = sys.modules['numpy'].datetime_data(value.dtype)
    count = int(value.astype('i8')) * step
    if unit in SECONDS:
        return duration(count * SECONDS[unit], 0)
    if unit in DIGITS:
        return duration(count, DIGITS[unit])
    return 'P%d%s' % (count, unit) if unit in ('Y', 'M') else count


def with_short_fraction(text):
    """Leaves none, six or nine digits of the fraction of a second, or more if they are needed."""
    start, _, fraction = text.partition('.')
    fraction = fraction.rstrip('0')
    if not fraction:
        return start
    return '%s.%s' % (start, fraction.ljust(6 if len(fraction) <= 6 else 9, '0'))


def duration(count, digits):
    """Returns the text of a number of seconds that has this number of decimal digits."""
    seconds, fraction = divmod(count, 10**digits)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    text = ('%d.%0*d' % (seconds, digits, fraction)).rstrip('0').rstrip('.')
    return 'P%dDT%dH%dM%sS' % (*divmod(hours, 24), minutes, text)
