"""The names of signals. The agent uses them, for the host's signals and for exits."""

import _signal

# If two names have one number, the first in the alphabet counts, as in `signal.Signals`.
SIGNALS = {
    name.encode(): getattr(_signal, name)
    for name in sorted(dir(_signal), reverse=True)
    if name.startswith('SIG') and name[3] != '_'
}
NAMES = {number: name.decode() for name, number in SIGNALS.items()}


def signal_name(number):
    return NAMES.get(number, 'SIG%d' % number)  # a real-time signal has no name
