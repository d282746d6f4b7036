import * as fc from 'fast-check'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { LogWatch } from '../../../src/sandbox/process/log-watch.js'
import { outcomeOf } from '../fakes/fake-pool.js'

/** Returns what a watch has found when it has read all output. */
async function outcomeOfWatch(watch: LogWatch) {
  await watch.idle
  return outcomeOf(watch.found)
}

/** Returns the match of a pattern in pieces of stdout, or `pending`. */
async function findIn(pattern: string | RegExp, ...pieces: (string | Uint8Array)[]) {
  const watch = new LogWatch(pattern)
  for (const piece of pieces) watch.push(1, Buffer.from(piece))
  return outcomeOfWatch(watch)
}

describe('LogWatch', () => {
  it.each<[string, string | RegExp, (string | Uint8Array)[], unknown]>([
    ['text in a line', 'ready', ['a\nit is ready now\nb\n'], { line: 'it is ready now' }],
    ['text with characters of a pattern', 'r.*y', ['ready\nr.*y\n'], { line: 'r.*y' }],
    ['text across pieces', 'ready', ['re', 'a', 'dy'], { line: 'ready' }],
    ['a line that is not finished', 'ready', ['not\nready'], { line: 'ready' }],
    ['the first of several matches', /ready \d/, ['ready 1\nready 2\n'], { line: 'ready 1' }],
    ['the beginning and the end of a line', /^ready$/m, ['not ready\nready\n'], { line: 'ready' }],
    ['a character that is cut', 'é!', [Buffer.of(0xc3), Buffer.of(0xa9, 0x21)], { line: 'é!' }],
    ['no text across lines', 'ready', ['rea\ndy\n'], 'pending'],
    ['no match if there is none', /steady/, ['ready\n'], 'pending'],
  ])('finds %s', async (_, pattern, pieces, expected) => {
    const match = await findIn(pattern, ...pieces)
    if (expected === 'pending') expect(match).toBe('pending')
    else expect(match).toMatchObject({ ...Object(expected) })
  })

  it('returns the groups of a pattern, and no match for text', async () => {
    const match = await findIn(/port (?<port>\d+)/i, 'Port 80\n')
    expect(match).toMatchObject({
      line: 'Port 80',
      match: { 0: 'Port 80', groups: { port: '80' } },
    })
    expect(await findIn('port', 'port 80')).toEqual({ line: 'port 80' })
  })

  it.each(['g', 'y', 'gy', 'dgimsuy'])('ignores lastIndex with the flags %s', async (flags) => {
    const pattern = new RegExp('ready', flags)
    pattern.lastIndex = 3
    const watch = new LogWatch(pattern)
    // With the flag y, an unchanged pattern would match only at its `lastIndex`.
    watch.push(1, Buffer.from('nothing\nalmost ready\n'))
    expect(await outcomeOfWatch(watch)).toMatchObject({ line: 'almost ready' })
    expect(pattern.lastIndex).toBe(3)
  })

  it('reads each stream separately', async () => {
    const watch = new LogWatch('ready')
    watch.push(1, Buffer.from('rea'))
    watch.push(2, Buffer.from('dy'))
    expect(await outcomeOfWatch(watch)).toBe('pending')
    watch.push(2, Buffer.from(' or rea'))
    watch.push(1, Buffer.from('dy'))
    expect(await outcomeOfWatch(watch)).toEqual({ line: 'ready' })
  })

  it('reads the first 4096 characters of a line', async () => {
    const long = 'x'.repeat(4091)
    expect(await findIn('ready', `${long}ready`)).toEqual({ line: `${long}ready` })
    expect(await findIn('ready', `x${long}ready\n`)).toBe('pending')
    expect(await findIn('ready', `x${long}read`, 'y', 'ready')).toBe('pending')
    expect(await findIn('ready', long, long, 'ready')).toBe('pending')
    expect(await findIn('ready', `${long}${long}`, 'more\nready')).toEqual({ line: 'ready' })
    expect(await findIn('ready', `${long}12345`, '\nready')).toEqual({ line: 'ready' })
  })

  it('is idle only after it has read all output', async () => {
    const watch = new LogWatch(/^ready (\d)$/)
    watch.push(1, Buffer.concat([Buffer.alloc(2 ** 20, '\n'), Buffer.from('ready 7\n')]))
    watch.push(2, Buffer.from('ready 8\n'))
    expect(await outcomeOfWatch(watch)).toMatchObject({ line: 'ready 7' })
  })

  it('rejects a pattern that takes too long, and reads no more output', async () => {
    const watch = new LogWatch(/(r+)+y/)
    watch.push(1, Buffer.from(`${'r'.repeat(4000)}\n`))
    const error = { code: 'SANDBOX_INVALID_OPTION', message: expect.stringContaining('50 ms') }
    await expect(watch.found).rejects.toMatchObject(error)
    watch.push(1, Buffer.from('ry\n'))
    await watch.idle
    await expect(watch.found).rejects.toMatchObject(error)
  })

  it('tries a pattern again, up to 10 times, if the pattern got no processor time', async () => {
    const usage = vi.spyOn(process, 'cpuUsage').mockReturnValue({ user: 0, system: 0 })
    onTestFinished(() => usage.mockRestore())
    const watch = new LogWatch(/(r+)+y/)
    watch.push(1, Buffer.from(`${'r'.repeat(4000)}\n`))
    await expect(watch.found).rejects.toThrow('50 ms')
    expect(usage).toHaveBeenCalledTimes(20) // before and after each try
  })

  it('rejects if output comes faster than it can read', async () => {
    const watch = new LogWatch('ready')
    for (let count = 0; count < 129; count++) watch.push(1, Buffer.alloc(2 ** 16, 'x'))
    await expect(watch.found).rejects.toThrow('writes output faster than')
    await watch.idle
  })

  it('finds the same line wherever the output is split', async () => {
    const Lines = fc.array(fc.stringMatching(/^[ab€]{0,4}$/), { minLength: 1, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(
        Lines,
        fc.infiniteStream(fc.integer({ min: 1, max: 5 })),
        async (lines, size) => {
          const watch = new LogWatch(/a€b/)
          const whole = Buffer.from(`${lines.join('\n')}\n`)
          for (let at = 0; at < whole.length;) {
            const end = at + (size.next().value ?? 1)
            watch.push(1, whole.subarray(at, end))
            at = end
          }
          const first = lines.find((line) => line.includes('a€b'))
          const match = await outcomeOfWatch(watch)
          if (first === undefined) expect(match).toBe('pending')
          // A line may match before it is finished.
          else expect(first.startsWith(JSON.parse(JSON.stringify(match)).line)).toBe(true)
        },
      ),
    )
  })
})
