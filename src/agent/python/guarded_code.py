"""Compiles a program so that its variables keep its value or its error. It runs in programs.

So nothing must wait for them, and no frame is needed below that of the code.
"""

import _ast

from .execute import IS_COROUTINE, ONLY_AST, TOP_LEVEL_AWAIT, ends_in_semicolon
from .user_loop import user_loop

# No names that code uses by accident.
VALUE, ERROR, CAUGHT = ' value', ' error', ' caught'


def compile_guarded(code, file):
    """Returns the compiled code, or `None` if it awaits at its top level or is no Python."""
    try:
        tree = compile(code, file, 'exec', ONLY_AST, dont_inherit=True)
        if tree.body:
            guard(tree.body, code)
        compiled = compile(tree, file, 'exec', TOP_LEVEL_AWAIT, dont_inherit=True)
    except Exception:
        return None
    return None if compiled.co_flags & IS_COROUTINE else compiled


def guard(body, code):
    """Changes the statements so that they assign the value and the error."""
    last, head = body[-1], length_of_head(body)
    if isinstance(last, _ast.Expr) and not ends_in_semicolon(code, last):
        end = max(head, len(body) - 1)
        body[end:] = [assign(VALUE, last.value, last)]
    rest = body[head:]
    if rest:
        first = rest[0]
        kept = assign(ERROR, at(first, _ast.Name(CAUGHT, _ast.Load())), first)
        # A handler in a syntax tree, unlike one in text, can have a name and no class.
        handler = at(first, _ast.ExceptHandler(None, CAUGHT, [kept]))
        body[head:] = [at(first, _ast.Try(rest, [handler], [], []))]


def length_of_head(body):
    """Returns the number of statements that must come first: the docstring and __future__."""
    length = 1 if is_text(body[0]) else 0
    while length < len(body) and getattr(body[length], 'module', None) == '__future__':
        length += 1
    return length


def is_text(statement):
    value = statement.value if isinstance(statement, _ast.Expr) else None
    return isinstance(value, _ast.Constant) and isinstance(value.value, str)


def assign(name, value, place):
    return at(place, _ast.Assign([at(place, _ast.Name(name, _ast.Store()))], value))


def at(place, node):
    """Gives a new node the place of another one."""
    node.lineno, node.col_offset = place.lineno, place.col_offset
    node.end_lineno, node.end_col_offset = place.end_lineno, place.end_col_offset
    return node


def take_outcome(_code, _file, names):
    """Returns the value of code that has run, or raises its error."""
    value, error = names.pop(VALUE, None), names.pop(ERROR, None)
    if error is not None:
        raise error
    user_loop.begin_tasks()
    return value
