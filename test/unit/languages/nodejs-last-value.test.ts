import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import * as v from 'valibot'

const load = createRequire(import.meta.url)
const LastValue = v.object({ placeOfLast: v.function() })
const { placeOfLast } = v.parse(LastValue, load('../../../src/agent/nodejs/last-value.cjs'))
const Place = v.optional(v.number())

/**
 * Programs that end with an expression. The place of an assignment is marked, or the end of the program
 * as the place of an `instanceof`.
 */
const WITH_VALUE = [
  '5^',
  '^-5',
  'const a = 1\na^',
  'const a = 1;^\na;',
  'const a = 1^\n    a + 1',
  '\n  const a = 1\n  a\n  ^',
  'const a = 1; a; [a]^',
  'const a = 1; a;^ [a];',
  'if (a) { b }^ +c',
  // A line between the statements takes the assignment, and else the end of the statement.
  'const a = 1\n^\na',
  'const a = 1 // one\n^// two\na // three',
  'const a = 1^ // one\na;',
  'const a = 1^ /* one\n */\na;',
  '^// one\n/* two */\na;',
  'const a = "http://x"\n^a;',
  'const a = "http://x"; ^a;',
  '^foo(); // a; b',
  // Statements and expressions of several lines
  'function f() {\n  return 1\n}\n^\nf().then((a) => {\n  g(a);\n})',
  'f(() => {\n  a()\n})\nb // one^',
  'a\n  .b()\n  .c()^',
  '^a ?\n b :\n c',
  '^a =\n  b',
  'const a = `\nb\nc()\n`\na.length^',
  'f(`\na;\n`)^',
  '`a;${b} c`^',
  // An expression that seems to continue the statement before it
  'function f() {\n}\n[1].map(f)^',
  'class A {\n}^\n(f());',
  'const a = {\n};\n[1].map(f)^',
  'a\n;[1].b^',
  'a\n(b)^',
  '^a\n-b',
  'a^\n++b',
  // Modules
  'import { sep } from "path"; sep^',
  'import {\n  sep, // the "first"\n} from "path"^\nsep;',
  'import a from "a" with { type: "json" }^\n[a] + 1',
  'export const a = 1^\na;',
  'export {\n  a\n}^\n(b);',
  'await import("path")^',
  'f(import.meta.url)\nimport.meta.filename^',
  'const a = await b^\n!a',
  '"use strict"\nthis^',
]

const WITHOUT_VALUE = [
  '',
  '// a',
  'let a',
  'if (a)\nb()',
  'if (a)\n  b()',
  'if (a) b\nelse c',
  'label:\na()',
  'const a = b +\n  c',
  'const a = {\n}\n[1].map(f)',
  'const a = function () {\n}\n(1)',
  'const a = `\nb()\n`',
  'for (let i = 0; i < 3; i++) { a(i) }',
  'for (const a of b) c(a)',
  '/* a */ function f() {}',
  'async function f() {\n}',
  '{ a: 1 }',
  'class A {}',
  'import "fs"',
  'export default 5',
  'return 5',
  'throw a',
  'a, b',
  'console.log(a)',
]

describe('the place of the last expression', () => {
  it.each(WITH_VALUE)('of %j is found', (marked) => {
    const code = marked.replace('^', '')
    const place = v.parse(Place, placeOfLast(code))
    expect(place === undefined ? place : `${code.slice(0, place)}^${code.slice(place)}`).toBe(
      marked,
    )
  })

  it.each(WITHOUT_VALUE)('of %j does not exist', (code) => {
    expect(placeOfLast(code)).toBeUndefined()
  })

  it('is found in a time that grows with the length of the comments', () => {
    const code = `a\n${'// b\n'.repeat(50_000)}c;${';'.repeat(50_000)}\n${'// d\n'.repeat(50_000)}`
    expect(placeOfLast(code)).toBe(2)
  })
})
