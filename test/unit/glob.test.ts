import { describe, expect, it } from 'vitest'
import { matcherOf } from '../../src/files/glob.js'

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
    ['!(a)', ['b', 'aa'], ['a']],
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
    expect(() => matcherOf(['{a/b,c}/*.png'])).toThrow('Give several patterns')
  })
})
