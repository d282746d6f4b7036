"""Executes the user's code, and finds the value of its last expression. It runs in programs."""

import _ast

from .magics import translate
from .user_loop import user_loop

ONLY_AST, TOP_LEVEL_AWAIT = 0x400, 0x2000
FUTURES = 0x1FE0000  # the flags of __future__ imports
IS_COROUTINE = 0x80


class Futures:
    """The __future__ imports of the code so far. They hold for the later cells of a context."""

    flags = 0


def execute(code, file, names):
    """Runs the code, and returns the value of the last statement if that is an expression."""
    blocks, failure = [], None
    try:
        steps, last = steps_of(code, file)
    except SyntaxError as error:
        failure = error
    if failure:
        code, blocks = translate(code, file, names, failure)
        steps, last = steps_of(code, file)
    value = within(blocks, lambda: run_steps(steps, names))
    return value if value is not None and not ends_in_semicolon(code, last) else None


def within(blocks, action):
    """Calls a function in blocks of `with`, and returns its value unless a block hides it."""
    if not blocks:
        return action()
    with blocks[0]:
        value = within(blocks[1:], action)
    return None if blocks[0].hides_value else value


def run_steps(steps, names):
    """Runs compiled code, and returns the value of the last part."""
    value = None
    if any(step.co_flags & IS_COROUTINE for step in steps):
        user_loop.offer()
    for step in steps:
        value = eval(step, names)
        if step.co_flags & IS_COROUTINE:
            value = user_loop.wait_for(value)
    user_loop.begin_tasks()
    return value


def steps_of(code, file):
    """Returns the compiled code, the last expression apart, and the syntax tree of that."""
    steps = []
    try:
        tree = compile(code, file, 'exec', ONLY_AST | Futures.flags, dont_inherit=True)
        last = tree.body and isinstance(tree.body[-1], _ast.Expr) and tree.body.pop()
        if tree.body:
            steps.append(compile_step(tree, file, 'exec'))
        if last:
            steps.append(compile_step(_ast.Expression(last.value), file, 'eval'))
        return steps, last
    except RecursionError:
        pass  # code may be nested deeper than syntax trees: then it has no value
    return [compile_step(code, file, 'exec')], None


def compile_step(code, file, mode):
    step = compile(code, file, mode, TOP_LEVEL_AWAIT | Futures.flags, dont_inherit=True)
    Futures.flags |= step.co_flags & FUTURES
    return step


def ends_in_semicolon(code, last):
    rest = code.encode().splitlines()[last.end_lineno - 1][last.end_col_offset :]
    return rest.lstrip().startswith(b';')
