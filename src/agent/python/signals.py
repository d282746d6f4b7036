"""The names of signals: of those that the host sends, and of those that end programs.

It runs in the agent.
"""

import _signal

# If two names have the same number, the first name in the alphabet is used, as in `signal.Signals`.
SIGNALS = {
    name.encode(): getattr(_signal, name)
    for name in sorted(dir(_signal), reverse=True)
    if name.startswith('SIG') and name[3] != '_'
}
NAMES = {number: name.decode() for name, number in SIGNALS.items()}


def signal_name(number):
    return NAMES.get(number, 'SIG%d' % number)  # a real-time signal has no name
