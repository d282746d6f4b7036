import * as fc from 'fast-check'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { LogWatch } from '../../../src/sandbox/process/log-watch.js'
import { outcomeOf } from '../fakes/fake-pool.js'

/** What a watch has found when it has looked at all output. */
async function outcomeOfWatch(watch: LogWatch) {
  await watch.idle
  return outcomeOf(watch.found)
}

/** What a watch finds in pieces of stdout. */
async function found(pattern: string | RegExp, ...pieces: (string | Uint8Array)[]) {
  const watch = new LogWatch(pattern)
  for (const piece of pieces) watch.push(1, Buffer.from(piece))
  return outcomeOfWatch(watch)
}

describe('LogWatch', () => {
  it.each<[string, string | RegExp, (string | Uint8Array)[], unknown]>([
    ['text in a line', 'ready', ['a\nit is ready now\nb\n'], { line: 'it is ready now' }],
    ['text that is no pattern', 'r.*y', ['ready\nr.*y\n'], { line: 'r.*y' }],
    ['text across pieces', 'ready', ['re', 'a', 'dy'], { line: 'ready' }],
    ['a line that is not finished', 'ready', ['not\nready'], { line: 'ready' }],
    ['the first of several', /ready \d/, ['ready 1\nready 2\n'], { line: 'ready 1' }],
    ['a beginning and an end', /^ready$/m, ['not ready\nready\n'], { line: 'ready' }],
    ['a character that is cut', 'é!', [Buffer.of(0xc3), Buffer.of(0xa9, 0x21)], { line: 'é!' }],
    ['nothing across lines', 'ready', ['rea\ndy\n'], 'pending'],
    ['nothing that is not there', /steady/, ['ready\n'], 'pending'],
  ])('finds %s', async (_, pattern, pieces, expected) => {
    const match = await found(pattern, ...pieces)
    if (expected === 'pending') expect(match).toBe('pending')
    else expect(match).toMatchObject({ ...Object(expected) })
  })

  it('gives the groups of a pattern, and none of text', async () => {
    const match = await found(/port (?<port>\d+)/i, 'Port 80\n')
    expect(match).toMatchObject({
      line: 'Port 80',
      match: { 0: 'Port 80', groups: { port: '80' } },
    })
    expect(await found('port', 'port 80')).toEqual({ line: 'port 80' })
  })

  it.each(['g', 'y', 'gy', 'dgimsuy'])('has no memory with the flags %s', async (flags) => {
    const pattern = new RegExp('ready', flags)
    pattern.lastIndex = 3
    const watch = new LogWatch(pattern)
    // With y it would stand where it was last time; without, it looks anywhere.
    watch.push(1, Buffer.from('nothing\nalmost ready\n'))
    expect(await outcomeOfWatch(watch)).toMatchObject({ line: 'almost ready' })
    expect(pattern.lastIndex).toBe(3)
  })

  it('looks at streams by themselves', async () => {
    const watch = new LogWatch('ready')
    watch.push(1, Buffer.from('rea'))
    watch.push(2, Buffer.from('dy'))
    expect(await outcomeOfWatch(watch)).toBe('pending')
    watch.push(2, Buffer.from(' or rea'))
    watch.push(1, Buffer.from('dy'))
    expect(await outcomeOfWatch(watch)).toEqual({ line: 'ready' })
  })

  it('of a long line looks at the first 4096 characters', async () => {
    const long = 'x'.repeat(4091)
    expect(await found('ready', `${long}ready`)).toEqual({ line: `${long}ready` })
    expect(await found('ready', `x${long}ready\n`)).toBe('pending')
    expect(await found('ready', `x${long}read`, 'y', 'ready')).toBe('pending')
    expect(await found('ready', long, long, 'ready')).toBe('pending')
    expect(await found('ready', `${long}${long}`, 'more\nready')).toEqual({ line: 'ready' })
    expect(await found('ready', `${long}12345`, '\nready')).toEqual({ line: 'ready' })
  })

  it('looks at all of much output before it says that it has', async () => {
    const watch = new LogWatch(/^ready (\d)$/)
    watch.push(1, Buffer.concat([Buffer.alloc(2 ** 20, '\n'), Buffer.from('ready 7\n')]))
    watch.push(2, Buffer.from('ready 8\n'))
    expect(await outcomeOfWatch(watch)).toMatchObject({ line: 'ready 7' })
  })

  it('gives up a pattern that takes too long, and looks no more', async () => {
    const watch = new LogWatch(/(r+)+y/)
    watch.push(1, Buffer.from(`${'r'.repeat(4000)}\n`))
    const error = { code: 'SANDBOX_INVALID_OPTION', message: expect.stringContaining('50 ms') }
    await expect(watch.found).rejects.toMatchObject(error)
    watch.push(1, Buffer.from('ry\n'))
    await watch.idle
    await expect(watch.found).rejects.toMatchObject(error)
  })

  it('tries a pattern that got no processor time again, up to 10 times', async () => {
    const usage = vi.spyOn(process, 'cpuUsage').mockReturnValue({ user: 0, system: 0 })
    onTestFinished(() => void usage.mockRestore())
    const watch = new LogWatch(/(r+)+y/)
    watch.push(1, Buffer.from(`${'r'.repeat(4000)}\n`))
    await expect(watch.found).rejects.toThrow('50 ms')
    expect(usage).toHaveBeenCalledTimes(20) // before and after each try
  })

  it('gives up where output comes faster than it is looked at', async () => {
    const watch = new LogWatch('ready')
    for (let count = 0; count < 129; count++) watch.push(1, Buffer.alloc(2 ** 16, 'x'))
    await expect(watch.found).rejects.toThrow('writes output faster than')
    await watch.idle
  })

  it('finds the same however it is cut', async () => {
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
