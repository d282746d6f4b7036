"""Runs the cells of a context, one after the other, in one module. It runs in contexts."""

import _signal
import builtins
import os
import sys
import time

from .agent_socket import agent_socket, flush_output
from .class_sources import class_sources
from .common_imports import COMMON_MODULES
from .execute import execute
from .hidden_modules import has_module
from .interpreter_exit import INTERRUPTED
from .run import run
from .socket_messages import CELL_END, CELL_ENDED, CONTEXT_READY
from .user_loop import user_loop


def serve_cells(names):
    """Returns the exit code of the last cell, at the end of the context."""
    sys.argv = ['']
    class_sources.install()
    import_common_modules()
    user_loop.offer()
    handler = _signal.signal(_signal.SIGINT, keep)
    task, count = agent_socket.next_task(CONTEXT_READY), 0
    while task:
        count, start, status = count + 1, time.process_time(), 130
        try:
            user_loop.make_current()
            _signal.signal(_signal.SIGINT, handler)
            class_sources.cells.append(task['file'])
            is_early = kept and not task['wasInterrupted']
            kept.clear()
            status = run(task, task['file'], names, interrupted if is_early else execute_cell)
            status = 130 if status == INTERRUPTED else status
            handler = _signal.signal(_signal.SIGINT, keep)
        except KeyboardInterrupt:  # it came after the end of the cell's code
            handler = _signal.signal(_signal.SIGINT, keep)
        flush_output()
        if not agent_socket.is_usable():
            break
        cpu_us = round((time.process_time() - start) * 1e6)
        end = CELL_END.pack(status, cpu_us)
        task = agent_socket.next_task(CELL_ENDED, end, user_loop.run_until_readable)
    return status if count else 0


def execute_cell(code, file, names):
    """Executes a cell, and keeps its value as `_`, as Python does at its prompt."""
    value = execute(code, file, names)
    if value is not None:
        builtins._ = value
    return value


def import_common_modules():
    """Imports them now, because an interrupt of a cell could come in the middle of it."""
    for name in COMMON_MODULES:
        if not has_module(os.getcwd(), name):
            __import__(name)


kept = []  # the interrupts between cells


def keep(*_):
    """Handles an interrupt between cells. It belongs to the last cell, or to the next one.

    Processes that a thread starts would inherit SIG_IGN.
    """
    kept.append(True)


def interrupted(code, file, names):
    """Executes a cell whose interrupt has come before it."""
    _signal.raise_signal(_signal.SIGINT)
    return execute_cell(code, file, names)
