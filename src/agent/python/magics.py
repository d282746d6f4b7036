"""Translates lines of notebooks that are not Python, such as `!ls` and `%time f()`, to calls.

Only code that does not compile is translated. Its lines keep their numbers. It runs in programs.
"""

import io

from .magic_commands import CELL_BLOCKS, CELL_COMMANDS, LINE_COMMANDS, run_magic

ONLY_AST = 0x400
NAME = '__magic__'  # the global by which the translated code calls `run_magic`
MAGIC = r'%([A-Za-z_]\w*)(?:\s+(.*))?$'
ASSIGNMENT = r"""([\w.,\s\[\]'"*]+?)\s*=\s*(?=[!%])"""
HELP = r'(?=.*\?)\?{0,2}([A-Za-z_][\w.]*)\?{0,2}$'


def translate(code, file, names, error):
    """Returns code that compiles, and blocks that it runs in. Otherwise raises the code's error."""
    lines = io.StringIO(code, None).readlines()
    blocks = []
    is_translated = translate_head(lines, file, names, blocks)
    found = syntax_error_of(lines, file)
    while found:
        if not translate_line(lines, file, found):
            raise found from None
        is_translated = True
        found = syntax_error_of(lines, file)
    if not is_translated:
        raise error
    names[NAME] = run_magic
    return ''.join(lines), blocks


def syntax_error_of(lines, file):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # the last compilation warns
        try:
            compile(''.join(lines), file, 'exec', ONLY_AST, dont_inherit=True)
        except SyntaxError as error:
            return error.with_traceback(None)
    return None


def translate_head(lines, file, names, blocks):
    """Translates the cell magics before the first other line. Returns whether there are any."""
    found = False
    for number, line in enumerate(lines):
        word, _, arguments = line.strip().partition(' ')
        if word.startswith('%%'):
            found, name = True, word[2:]
            lines[number] = '\n'
            if name in CELL_BLOCKS:
                blocks.append(CELL_BLOCKS[name](arguments.strip(), names))
            elif name in CELL_COMMANDS:
                body = ''.join(lines[number + 1 :])
                lines[number:] = [call_of(word, arguments.strip(), body)]
                break
            else:
                raise unknown_magic(word, file, number, line)
        elif word and not word.startswith('#'):
            break
    return found


def translate_line(lines, file, error):
    """Translates the line of an error, if it is a magic that begins a statement. Returns this."""
    if not error.lineno or error.lineno > len(lines) or error.msg.startswith('f-string'):
        return False
    first = last = error.lineno - 1
    while first and lines[first - 1].rstrip().endswith('\\'):
        first -= 1
    while last + 1 < len(lines) and lines[last].rstrip().endswith('\\'):
        last += 1
    original = lines[first : last + 1]
    text = ' '.join(line.rstrip().rstrip('\\').rstrip() for line in original)
    indent = text[: len(text) - len(text.lstrip())]
    rest = ['\n'] * (last - first)
    lines[first : last + 1] = [indent + 'pass\n', *rest]
    other = syntax_error_of(lines, file)
    if not other or (other.lineno or 0) > last + 1:
        call = statement_of(text.strip(), file, first, original[0])
        if call:
            lines[first] = indent + call + '\n'
            return True
    lines[first : last + 1] = original
    return False


def statement_of(text, file, number, line):
    """Returns the statement for a line of a notebook, or None for a line that is not of one."""
    import re

    assignment = re.match(ASSIGNMENT, text)
    target = assignment.group(1) + ' = ' if assignment else ''
    text = text[assignment.end() :] if assignment else text
    if text.startswith('!'):
        command = text.lstrip('!')
        has_value = target or text.startswith('!!')
        return target + call_of('!!' if has_value else '!', command.strip())
    if text.startswith(('pip ', 'pip3 ')):
        text = '%' + text
    magic = re.match(MAGIC, text)
    if magic:
        name, arguments = magic.groups('')
        if name not in LINE_COMMANDS:
            raise unknown_magic('%' + name, file, number, line)
        return target + call_of('%' + name, arguments.strip())
    if text.startswith('%%'):
        raise unknown_magic(text.split()[0], file, number, line)
    helped = not target and re.match(HELP, text)
    return call_of('?', helped.group(1)) if helped else None


def call_of(kind, *arguments):
    return '%s(%s)' % (NAME, ', '.join(map(repr, (kind, *arguments))))


def unknown_magic(name, file, number, line):
    is_cell = name.startswith('%%')
    known = ['%%' + each for each in (*CELL_BLOCKS, *CELL_COMMANDS)]
    if name in known:
        message = '%s must be the first line of the code' % name
    else:
        known = known if is_cell else ['!', *('%' + each for each in LINE_COMMANDS)]
        message = '%s does not work here; these do: %s' % (name, ' '.join(sorted(known)))
    return SyntaxError(message, (file, number + 1, line.index('%') + 1, line))
