# What a child does before its code comes

import select

from .notation import as_json, from_json
from .runner import new_module, run
from .usual import USUAL

REHEARSE_MS, IDLE_MS = 5, 50


def rehearse():
    """Touches what a run touches. A fresh fork pays for each page it touches first, about 4 us."""
    job = from_json(as_json({'code': REHEARSAL, 'env': {}, 'args': []}))
    run(job, 'main.py', new_module('__main__').__dict__)


REHEARSAL = """
import sys
def greet(name, *more):
    return f'{name}: {len(more)}'
try:
    for number in range(3):
        text = greet('x', number) + str(number * 2.5)
    sys.stdout.write('')
except ValueError as error:
    raise
print(end='')
"""


def prepare_while_idle(forks):
    """A spare that waits has time for it; one whose code comes meanwhile stops after a module.

    Before it `forks` others were made: none for the child of the agent's own rehearsal, one for the
    child that the first request gets. Later ones may come in a row, and have no time.
    """
    news = select.poll()
    news.register(3, select.POLLIN)
    if forks == 0 or news.poll(REHEARSE_MS if forks > 1 else 0):
        return
    rehearse()
    pause = IDLE_MS
    for name in USUAL:
        if news.poll(pause):
            return
        pause = 0
        __import__(name)
