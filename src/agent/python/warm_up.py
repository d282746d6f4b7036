"""Does a run that has no effect, to touch the memory pages that a run touches.

The zygote does it before its forks. A spare does it again: the first access to a page in a fork
takes about 4 us, and much longer under gVisor.
"""

import os
import sys

from .agent_socket import agent_socket
from .guarded_code import compile_guarded, take_outcome
from .hidden_modules import hides_imported_module
from .json_codec import to_json
from .outermost import rehearse
from .representations import Representations
from .run import run
from .run_task import set_file, set_up
from .socket_messages import LENGTH
from .variables import need_new_interpreter

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
    before = sys.modules['__main__'], sys.path[:], sys.argv
    env = {'HOME': os.environ['HOME']}
    text = to_json({'code': CODE, 'cwd': '/', 'env': env, 'args': []})
    agent_socket.attach(LENGTH.pack(len(text)) + text)
    task, file = agent_socket.receive_task(), '/main.py'
    need_new_interpreter(task['env'], False)
    hides_imported_module(task['cwd'])
    main = set_up(task)
    set_file(main, file, task['args'])
    rehearse(compile_guarded(task['code'], file), main.__dict__)
    run(task, file, main.__dict__, take_outcome)
    Representations().of(0)
    sys.modules['__main__'], sys.path[:], sys.argv = before
