"""Starts the agent, and runs the tasks of programs. It runs in all processes: they are its forks.

The agent is the first process of the container. It uses the standard library only. It needs root
with the capabilities KILL, SETUID and SETGID: the programs are user nobody, and can reach neither
the agent nor its streams. If the agent is not root, programs have its user, and the rest works.

No module imports `json`, `signal`, `enum` or `traceback` at the start: they take 8 of the 20 ms of
processor time that the start of a container costs. See common_imports.py.
"""

import gc
import os
import sys

from .agent import Agent, refuse_service
from .config import PRELOAD, WORKSPACE
from .display import install_display
from .exit_causes import ExitCauses
from .hidden_modules import hides_imported_module
from .preload import MATPLOTLIB, PreloadError, preload
from .privileges import HAS_OWN_USER, USER_NAME, as_nobody, drop_groups
from .restart import restart
from .run_task import run_task
from .variables import forget_home, need_new_interpreter
from .warm_up import warm_up
from .zygote import start_zygote


def main(code_cache, bundle):
    """Serves the host until it is gone.

    `bundle` is what a program needs that is given a new interpreter.
    """
    drop_groups()
    set_environment()
    exit_causes = ExitCauses()
    link_node_modules()
    zygote_socket = start_zygote(prepare_programs, lambda task: run_program(task, bundle))
    try:
        Agent(zygote_socket, exit_causes).serve(code_cache)
    except PreloadError as error:
        refuse_service(error.args[0])


def run_program(task, bundle):
    if need_new_interpreter(task['env'], bool(PRELOAD)) or hides_imported_module(task['cwd']):
        restart(task, bundle)
    run_task(task)


def prepare_programs():
    """Does the work that all programs share. Returns the descriptors that the preload keeps."""
    kept = preload(PRELOAD)
    install_display()
    warm_up()  # children inherit the objects that the first compilation makes
    gc.collect()  # children would touch the memory pages of the garbage
    gc.freeze()  # collections in children then leave the shared objects alone
    return kept


def set_environment():
    os.environ.update(HOME=WORKSPACE, LANG='C.UTF-8', PYTHONUNBUFFERED='1')
    if HAS_OWN_USER:
        os.environ.update(USER=USER_NAME, LOGNAME=USER_NAME)
    forget_home()
    os.environ['PYTHONDONTWRITEBYTECODE'] = '1'  # it would be among the files of a run
    sys.dont_write_bytecode = True
    for name, value in (('MPLBACKEND', 'Agg'), ('MPLCONFIGDIR', MATPLOTLIB)):
        os.environ.setdefault(name, value)


def link_node_modules():
    """Lets programs in the workspace import the Node packages of the image."""

    def link():
        if os.path.isdir('/app/node_modules'):
            os.symlink('/app/node_modules', os.path.join(WORKSPACE, 'node_modules'))

    try:
        as_nobody(link)
    except OSError:
        pass  # the link exists
