# === syntax-error-in-the-middle
print('never printed')
value = (1 +
print(value)

# === syntax-error-of-indentation
def f():
print('x')

# === syntax-error-of-tabs-and-spaces
if True:
        a = 1
	b = 2

# === syntax-error-of-an-open-string
text = 'never closed
print(text)

# === syntax-error-at-the-end
def f():

# === syntax-error-of-a-return-outside-a-function
x = 1
return x

# === syntax-error-of-a-late-future-import
import os
from __future__ import annotations

# === syntax-error-of-an-f-string
value = 1
print(f'{value!z}')

# === syntax-error-of-bytes
data = b'ä'

# === syntax-error-caught
try:
    compile('a b', 'part.py', 'exec')
except SyntaxError as error:
    print(error.filename, error.lineno, error.offset, error.text, error.msg)

# === syntax-error-raised-by-hand
raise SyntaxError('by hand', ('other.txt', 2, 3, 'some text', 2, 5))

# === syntax-warning-of-an-escape
pattern = '\d+'
print(pattern)

# === syntax-warning-of-is
x = 1
print(x is 1)

# === source-with-an-unknown-encoding
# -*- coding: no-such-encoding -*-
print('text')

# === source-with-a-byte-order-mark
﻿print('after a mark')

# === source-with-a-shebang
#!/usr/bin/env python3
print('after a shebang')

# === source-with-a-form-feed
print(1)

print(2)

# === source-with-a-value-and-a-docstring
'one expression'

# === source-with-annotations
count: int = 1
name: 'text'
print(__annotations__)

# === source-with-future-annotations
from __future__ import annotations

count: missing_name = 1


def f(x: other_missing) -> y:
    pass


print(__annotations__, f.__annotations__)

# === source-nested-too-deeply
print(eval('(' * 300 + '1' + ')' * 300))

# === source-with-await-at-the-top
import asyncio

await asyncio.sleep(0)

# === source-with-async-for-at-the-top
async for x in y:
    pass

# === source-of-an-expression-with-a-value
def f():
    print('called')
    return 5


f()

# === source-with-windows-line-ends {"newline":"\r\n"}
text = """one
two"""
print(repr(text), \
    1 + 1)
if True:
    1 / 0

# === source-with-a-semicolon
x = 1; print(x); x

# === source-with-a-null-character-in-a-string
print(repr('a\0b'), len('\0'))

# === source-with-debug-and-assert
print(__debug__)
assert True, 'no'
if __debug__:
    assert (lambda: False)(), 'asserts are checked'
