"""Runs `pip` for notebooks: without a network it would try for long. It runs in programs."""

import os
import sys

from .shell import run

NO_NETWORK = 'ERROR: the sandbox has no network, so pip can install nothing but local files.'
DEFAULTS = {
    'PIP_BREAK_SYSTEM_PACKAGES': '1',
    'PIP_DISABLE_PIP_VERSION_CHECK': '1',
    'PIP_NO_INPUT': '1',
}


def pip_words(command):
    """Returns the arguments of a command that runs nothing but pip, else None."""
    import re

    prefix = r'(?:(?:\S*/)?python[\d.]*\s+-m\s+)?pip3?\s+'
    match = re.match(prefix, command)
    if not match or re.search(r'[|&;<>$`]', re.sub(r""""[^"]*"|'[^']*\'""", '', command)):
        return None
    import shlex

    try:
        return shlex.split(command[match.end() :], comments=True)
    except ValueError:
        return None


def run_pip(words):
    """Returns the exit code. Without a network, packages that are installed need no pip."""
    import importlib.util

    is_offline = words[:1] == ['install'] and not has_network()
    if is_offline:
        wanted = [word for word in words[1:] if not word.startswith('-')]
        places = [place_of(word) for word in wanted]
        if places and all(places):
            if not {'-q', '-qq', '-qqq', '--quiet'} & set(words):
                for word, place in zip(wanted, places):
                    print('Requirement already satisfied: %s in %s' % (word, place))
            return 0
    status = 1
    if importlib.util.find_spec('pip'):
        retries = {'PIP_RETRIES': '0'} if is_offline else {}
        argv = [sys.executable, '-m', 'pip', *words]
        status = run(argv, env={**DEFAULTS, **retries, **os.environ})
        add_user_packages()
    else:
        print('ERROR: the image has no pip.', file=sys.stderr)
    if status and is_offline:
        print(NO_NETWORK, file=sys.stderr)
    return status


def has_network():
    import socket

    return any(name != 'lo' for _, name in socket.if_nameindex())


def place_of(requirement):
    """Returns the folder and version of an installed package that meets the requirement."""
    import importlib.metadata
    import re

    match = re.match(r'([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?\s*((?:[<>=!~]=?.*)?)$', requirement)
    if not match:
        return None
    name, condition = match.groups()
    try:
        found = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    if not all(meets(found.version, part) for part in condition.split(',') if part.strip()):
        return None
    return '%s (%s)' % (found.locate_file(''), found.version)


def meets(version, condition):
    """Compares the numbers of versions. Returns False if a condition is of another form."""
    import re

    match = re.match(r'\s*([<>=!~]=|[<>])\s*([\d.]+?)(\.\*)?\s*$', condition)
    if not match:
        return False
    sign, wanted, is_prefix = match.groups()
    wanted = numbers_of(wanted)
    found = numbers_of(version)
    if is_prefix:
        found = found[: len(wanted)]
    if sign == '~=':
        return found >= wanted and found[: len(wanted) - 1] == wanted[:-1]
    return {
        '==': found == wanted,
        '!=': found != wanted,
        '>=': found >= wanted,
        '<=': found <= wanted,
        '>': found > wanted,
        '<': found < wanted,
    }[sign]


def numbers_of(version):
    import re

    numbers = [int(number) for number in re.match(r'[\d.]*', version).group().split('.') if number]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers


def add_user_packages():
    """Lets the program import what pip has installed below its home."""
    import importlib
    import site

    folder = site.getusersitepackages()
    if os.path.isdir(folder) and folder not in sys.path:
        sys.path.append(folder)
    importlib.invalidate_caches()
