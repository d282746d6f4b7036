"""A spare: a child of the zygote that waits for its task. It becomes user nobody first."""

import gc
import os
import select

from .agent_socket import agent_socket
from .common_imports import COMMON_MODULES
from .descriptors import reopen_files
from .exec_program import execute_program
from .interpreter_exit import rehearse
from .preload import reseed
from .privileges import be_first_oom_victim, become_nobody
from .warm_up import warm_up

WARM_UP_AFTER_MS, IMPORT_AFTER_MS = 5, 50


def serve_task(kept, forks, run):
    """Calls `run` with the task, if this interpreter is to run it. Else executes the program."""
    try:
        task = wait_for_task(kept, forks)
    except BaseException as error:
        os.write(2, ('%s\n' % error).encode())
        os._exit(126)
    run(task)


def wait_for_task(kept, forks):
    os.setsid()
    be_first_oom_victim()
    become_nobody()
    reopen_files(kept)
    use_idle_time(forks)
    gc.freeze()  # the collections of a program's end leave these imports alone
    reseed()
    task = agent_socket.open()
    if task is None:
        os._exit(0)
    if task.get('exec'):
        execute_program(task)
    return task


def use_idle_time(forks):
    """Prepares for the task until it comes. A spare whose task comes stops after one module.

    `forks` is the number of the zygote's earlier children. The first child gets the agent's own
    warm-up run, and does nothing here. The second gets the host's first run, and warms up at once.
    Later ones warm up only if their task does not come soon: runs may follow each other closely.
    """
    socket = select.poll()
    socket.register(3, select.POLLIN)
    if forks == 0 or socket.poll(WARM_UP_AFTER_MS if forks > 1 else 0):
        return
    warm_up()
    rehearse()
    pause_ms = IMPORT_AFTER_MS
    for name in COMMON_MODULES:
        if socket.poll(pause_ms):
            return
        pause_ms = 0
        __import__(name)
    # Under gVisor a write to a page that a fork shares unmaps the pages around it.
    warm_up()
    rehearse()
