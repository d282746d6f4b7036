import * as fc from 'fast-check'
import picomatch from 'picomatch'
import { describe, expect, it } from 'vitest'
import { matcherOf } from '../../../src/sandbox/files/glob.js'
import { cases } from '../fakes/property.js'

const GROUPS = ['{a,b-}', '{,a*}', '{b,{a,-}}', '@(a|b)', '?(a)']

describe('a glob', () => {
  it.each<[string, string[], string[]]>([
    ['**', ['a', 'a/b', 'new\nline/x', '-', 'a/b/c.d'], ['.a', 'a/.b', '.a/b']],
    ['*', ['a', 'b.c', 'a\nb'], ['a/b', '.a']],
    ['**/*.png', ['a.png', 'a/b.png', 'a/b/c.png'], ['a.pngx', 'a/.b.png', 'png']],
    ['a/**/b', ['a/b', 'a/x/b', 'a/x/y/b'], ['b', 'a/b/c', 'x/a/b']],
    ['**/a/**/b', ['a/b', 'x/a/y/a/b'], ['a', 'b/a']],
    ['a/**', ['a/b', 'a/b/c'], ['b', 'ab']],
    ['*.{csv,json}', ['a.csv', 'a.json'], ['a.txt', 'd/a.csv']],
    ['?[ab].txt', ['xa.txt', '-b.txt'], ['a.txt', 'xc.txt']],
    ['.*', ['.a'], ['a']],
    ['./out//*', ['out/a'], ['a', 'out']],
    ['!(a)', ['b', 'aa'], ['a', '.b']],
    ['!(*.csv|b)', ['a', 'b.c'], ['a.csv', 'b']],
    ['@(a|b*)?(c)', ['a', 'ac', 'b', 'bxc'], ['c', 'xa', 'acc']],
    ['{a,b{c,d*},}e', ['ae', 'bce', 'bdxe', 'e'], ['be', 'ce', 'a']],
    ['{.a,b}*', ['.ax', 'bx'], ['.bx', '.b']],
    ['[!a-c].x', ['d.x', '-.x', '😀.x'], ['a.x', 'c.x', '..x']],
    ['[]^-][\\]a-]', [']]', '^a', '--'], ['b]', ']b', ']^']],
    ['[é😀].?', ['😀.é', 'é.😀'], ['e.x', '😀.ab']],
    ['\\*\\{a,b}', ['*{a,b}'], ['x{a,b}', '*a']],
    ['a**b', ['ab', 'axb'], ['a/b', 'a/x/b']],
    ['**/**/*', ['a', 'a/b'], ['.a']],
    [`a+b)}],$^"'#`, [`a+b)}],$^"'#`], ['aab']],
    ['*-*-*.csv', ['--.csv', 'a-b-c-d.csv'], ['a-b.csv', '--.csvx', '-.csv']],
  ])('%s', (glob, wanted, unwanted) => {
    const isWanted = matcherOf([glob])
    for (const path of wanted) expect(isWanted(path), path).toBe(true)
    for (const path of unwanted) expect(isWanted(path), path).toBe(false)
  })

  it('is one of several', () => {
    const isWanted = matcherOf(['*.a', 'b/*'])
    expect(['x.a', 'b/x', 'x.c'].map(isWanted)).toEqual([true, true, false])
  })

  it('asks no more of a path than its length: one that was made for it', () => {
    const isWanted = matcherOf(['**/a/**/b/**/a/**/b/**/*.c'])
    expect(isWanted(`${'a/b/'.repeat(1000)}x`)).toBe(false)
    expect(isWanted(`${'a/b/'.repeat(1000)}x.c`)).toBe(true)
  })

  it('with a slash within braces is refused, with what to do', () => {
    expect(() => matcherOf(['{a/b,c}/*.png'])).toThrow('Pass several patterns')
  })

  it.each([
    ['*(a)', '`*(`'],
    ['a+(b|c)', '`+(`'],
    ['a!(b)', '`!(`'],
    ['!(a).txt', 'text after `!(...)`'],
    ['!a', 'a `!` at the beginning'],
    ['x/!*.png', 'a `!` at the beginning'],
    ['a (1)', 'a `(`'],
    ['a|b', 'a `|`'],
    ['{1..3}', 'a range in braces'],
    ['{a}', 'braces without a comma'],
    ['{a,b', 'a `{` without its `}`'],
    ['@(a', 'a `(` without its `)`'],
    ['[a', 'a `[` without its `]`'],
    ['[]', 'a `[` without its `]`'],
    ['[[:alpha:]]', 'a class such as `[:alpha:]`'],
    ['[z-a]', 'a range whose end is before its start'],
    ['[0-9]+', 'a `+` after a bracket'],
    ['a\\', 'a backslash without a character after it'],
  ])('%s is refused, and named', (glob, what) => {
    expect(() => matcherOf([glob])).toThrow(
      expect.objectContaining({
        code: 'SANDBOX_INVALID_OPTION',
        message: expect.stringContaining(what),
      }),
    )
  })

  it.each<[string, string[]]>([
    ['as one pattern', ['a'.repeat(1025)]],
    ['as many', Array.from({ length: 300 }, () => 'a')],
    ['of many parts', ['**/*/'.repeat(200)]],
    ['with its alternatives', ['{a,b}'.repeat(200)]],
    ['with empty alternatives', ['{,}'.repeat(200)]],
    ['with large sets', [`{${',a'.repeat(100)}}[abcdefghijkl]`]],
  ])('that is too long %s is refused', (_, globs) => {
    expect(() => matcherOf(globs)).toThrow('too long')
  })

  it('agrees with picomatch, except about a hidden name that nobody asked for', () => {
    const one = fc.constantFrom('a', 'b', '-', '.', '*', '?', '[ab]', '[^a]', '[a-]', ...GROUPS)
    const Pattern = fc.array(one, { minLength: 1, maxLength: 4 }).map((all) => all.join(''))
    const Name = fc.stringMatching(/^[ab.-]{1,12}$/).filter((name) => name !== '.' && name !== '..')
    fc.assert(
      fc.property(Pattern, fc.array(Name, { minLength: 1, maxLength: 10 }), (pattern, names) => {
        // In picomatch these are quantifiers of a group, and `**` and `.` alone are others' matter.
        fc.pre(!/[)][*?]|\*\*|^\.$/.test(pattern))
        const isWanted = matcherOf([pattern])
        const expected = picomatch(pattern, { flags: 's' })
        for (const name of names) {
          if (name.startsWith('.') && !isWanted(name)) continue
          expect([name, isWanted(name)]).toEqual([name, expected(name)])
        }
      }),
      // The same cases each time: in rare ones picomatch differs from a shell, as in `*.*` and `a.`.
      { ...cases(2000), seed: 13 },
    )
  })
})
