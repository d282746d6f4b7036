"""Measures how long code takes, for `%time` and `%timeit`, and prints it as IPython does.

It runs in programs.
"""

LONGEST_UNITS = (('d', 86400), ('h', 3600), ('min', 60), ('s', 1))
UNITS = (('s', 1), ('ms', 1e3), ('µs', 1e6), ('ns', 1e9))
LEAST_S = 0.2  # how long one run of `%timeit` takes at least


class Timing:
    """A block that prints how long it took, unless an error ends it."""

    hides_value = False

    def __init__(self, arguments, names):
        self.start = None

    def __enter__(self):
        self.start = self.now()

    def __exit__(self, kind, error, trace):
        if kind:
            return
        wall, user, system = (end - start for start, end in zip(self.start, self.now()))
        times = tuple(map(format_time, (user, system, user + system)))
        print('CPU times: user %s, sys: %s, total: %s' % times)
        print('Wall time: %s' % format_time(wall))

    def now(self):
        import resource
        import time

        usage = resource.getrusage(resource.RUSAGE_SELF)
        return time.perf_counter(), usage.ru_utime, usage.ru_stime


def time_repeatedly(text, body, names):
    """Runs a statement many times. A cell has its setup in the first line."""
    import statistics
    import timeit

    options, rest = options_of(text)
    statement, setup = (rest, 'pass') if body is None else (body, rest or 'pass')
    timer = timeit.Timer(statement, setup, globals=names)
    loops = options.get('n') or next(
        count
        for count in (10**power for power in range(10))
        if timer.timeit(count) >= LEAST_S or count == 10**9
    )
    runs = options.get('r', 7)
    times = [total / loops for total in timer.repeat(runs, loops)]
    mean, deviation = map(format_time, (statistics.fmean(times), statistics.pstdev(times)))
    counts = '%d run%s, {:,} loop%s each'.format(loops)
    counts %= (runs, 's' * (runs != 1), 's' * (loops != 1))
    print('%s ± %s per loop (mean ± std. dev. of %s)' % (mean, deviation, counts))


def options_of(text):
    """Returns the numbers of `-n 10 -r3`, and the rest of the text."""
    import re

    options = {}
    while True:
        match = re.match(r'-(?:([nr])\s*(\d+)|[tcqo])(?:\s+|$)', text)
        if not match:
            return options, text
        if match.group(1):
            options[match.group(1)] = max(1, int(match.group(2)))
        text = text[match.end() :]


def format_time(seconds):
    if seconds >= 60:
        parts = []
        for unit, size in LONGEST_UNITS:
            count, seconds = divmod(seconds, size)
            if count:
                parts.append('%d%s' % (count, unit))
        return ' '.join(parts)
    unit, factor = next((each for each in UNITS if seconds * each[1] >= 1), UNITS[-1])
    return '%.3g %s' % (seconds * factor, unit)
