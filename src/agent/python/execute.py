"""Executes the user's code, and finds the value of its last expression. It runs in programs."""

import _ast

from .magics import translate
from .user_loop import user_loop

ONLY_AST, TOP_LEVEL_AWAIT = 0x400, 0x2000
FUTURES = 0x1FE0000  # the flags of __future__ imports: they hold for the last expression, too
IS_COROUTINE = 0x80


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
    flags, steps = TOP_LEVEL_AWAIT, []
    try:
        tree = compile(code, file, 'exec', ONLY_AST, dont_inherit=True)
        last = tree.body and isinstance(tree.body[-1], _ast.Expr) and tree.body.pop()
        if tree.body:
            steps.append(compile(tree, file, 'exec', flags, dont_inherit=True))
            flags |= steps[0].co_flags & FUTURES
        if last:
            value = _ast.Expression(last.value)
            steps.append(compile(value, file, 'eval', flags, dont_inherit=True))
        return steps, last
    except RecursionError:
        pass  # code may be nested deeper than syntax trees: then it has no value
    return [compile(code, file, 'exec', TOP_LEVEL_AWAIT, dont_inherit=True)], None


def ends_in_semicolon(code, last):
    rest = code.encode().splitlines()[last.end_lineno - 1][last.end_col_offset :]
    return rest.lstrip().startswith(b';')
