"""Does a run that has no effect, to touch the memory pages that a run touches.

The agent does it before it forks the zygote. A spare does it again: the first access to a page in a
fork takes about 4 us.
"""

import os

from .guarded_code import compile_guarded, take_outcome
from .json_codec import from_json, to_json
from .outermost import rehearse
from .representations import Representations
from .run import run
from .run_task import new_module
from .variables import apply_variables

CODE = """
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


def warm_up():
    apply_variables({'HOME': os.environ['HOME']})
    task = from_json(to_json({'code': CODE, 'env': {}, 'args': []}))
    file, names = 'main.py', new_module('__main__').__dict__
    rehearse(compile_guarded(CODE, file), names)
    run(task, file, names, take_outcome)
    Representations().of(0)
