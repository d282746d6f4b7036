import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { ExecEvent, ExecHandle } from 'hono-sandbox'
import { places, useLease, usePool } from '../helpers/engine.js'
import { until, within } from '../helpers/until.js'

/** The same program in both languages. */
const PROGRAMS = {
  python: {
    greets: 'name = input("name? ")\nwhile name:\n  print("hi", name)\n  name = input("name? ")',
    echoes: 'import sys\nwhile (b := sys.stdin.buffer.read1()): sys.stdout.buffer.write(b)',
    lines: 'for i in range(20000): print("line", i)',
    both: 'import sys\nfor i in range(50):\n  print(i)\n  print(i, file=sys.stderr)',
    floods: 'while True: print("x" * 1000)',
    unicode: 'print("🐎" * 100_000, end="")',
    sleeps: 'import time\nprint("asleep")\ntime.sleep(300)',
    reads: 'import sys\nprint(len(sys.stdin.read()))',
    // One write is one event, and thus one signal.
    catches:
      'import signal, sys, time\nsignal.signal(signal.SIGINT, lambda *_: exit(7))\nsys.stdout.write("on")\ntime.sleep(300)',
  },
  nodejs: {
    greets: `process.stdout.write('name? ')
      require('readline').createInterface({ input: process.stdin }).on('line', (name) => {
        if (name === '') process.exit(0)
        process.stdout.write('hi ' + name + '\\nname? ')
      })`,
    echoes: 'process.stdin.pipe(process.stdout)',
    lines: 'for (let i = 0; i < 20000; i++) console.log("line", i)',
    both: 'for (let i = 0; i < 50; i++) { console.log(i); console.error(i) }',
    floods: 'while (true) console.log("x".repeat(1000))',
    unicode: 'process.stdout.write("🐎".repeat(100_000))',
    sleeps: 'console.log("asleep"); setTimeout(() => {}, 300_000)',
    reads: 'console.log(require("fs").readFileSync(0, "utf8").length)',
    catches:
      'process.on("SIGINT", () => process.exit(7)); console.log("on"); setTimeout(() => {}, 3e5)',
  },
}

describe.each(places)('a handle of $language under $runtime', ({ runtime, language }) => {
  const programs = PROGRAMS[language]
  const pool = usePool({ runtime, pids: 512, languages: { [language]: { size: 1, max: 1 } } })
  const lease = useLease(pool, language)

  it('a program and the caller exchange several messages', async () => {
    const sandbox = await lease()
    const handle = sandbox.runCode(programs.greets)
    const stdin = handle.stdin.getWriter()
    const answers = ['Ada\n', 'Žofie\n', '\n']
    let output = ''
    for await (const event of handle) {
      if (event.type !== 'stdout') continue
      output += event.data
      if (output.endsWith('name? ')) await stdin.write(answers.shift() ?? '')
    }
    expect(output).toBe('name? hi Ada\nname? hi Žofie\nname? ')
    expect(await handle).toMatchObject({ exitCode: 0, stdout: output, truncated: false })
  })

  it('a handle sends its events in order, and exit last', async () => {
    const sandbox = await lease()
    const events = await eventsOf(sandbox.runCode(programs.both))
    expect(events.at(-1)).toMatchObject({ type: 'exit', exitCode: 0, signal: null })
    expect(events.filter(({ type }) => type === 'exit')).toHaveLength(1)
    const numbers = Array.from({ length: 50 }, (_, at) => `${at}\n`).join('')
    expect([textOf(events, 'stdout'), textOf(events, 'stderr')]).toEqual([numbers, numbers])
  })

  it('a handle passes thousands of small lines and never splits a character', async () => {
    const sandbox = await lease()
    const lines = textOf(await eventsOf(sandbox.runCode(programs.lines)), 'stdout')
    expect(lines).toBe(Array.from({ length: 20_000 }, (_, at) => `line ${at}\n`).join(''))
    const horses = textOf(await eventsOf(sandbox.runCode(programs.unicode)), 'stdout')
    expect(horses).toBe('🐎'.repeat(100_000))
  })

  it('a handle passes bytes unchanged in both directions', async () => {
    const sandbox = await lease()
    const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, at) => (at * 7) % 256))
    const handle = sandbox.runCode(programs.echoes, { stdin: bytes, format: 'bytes' })
    const hash = createHash('sha256')
    for await (const event of handle) if (event.type === 'stdout') hash.update(event.data)
    expect(hash.digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'))
    const small = await sandbox.exec('cat', { stdin: bytes.subarray(0, 300), format: 'bytes' })
    expect(small.stdout.equals(bytes.subarray(0, 300))).toBe(true)
  })

  it('an unread handle stops its program and does not block kill, exec and files', async () => {
    const sandbox = await lease()
    const handle = sandbox.runCode(programs.floods)
    const events = handle[Symbol.asyncIterator]()
    expect((await events.next()).value).toMatchObject({ type: 'stdout' })
    expect(await sandbox.exec('echo through')).toMatchObject({ stdout: 'through\n' })
    await sandbox.writeFile('a.txt', 'a')
    expect(await sandbox.readFile('a.txt', { format: 'text' })).toBe('a')
    handle.kill()
    expect(await within('the killed program ends', Promise.resolve(handle))).toMatchObject({
      killedBy: 'abort',
      signal: 'SIGKILL',
    })
  })

  it('iterated output is unlimited, unless the call has a limit', async () => {
    const sandbox = await lease()
    const code = 'head -c 5000000 /dev/zero'
    const bytes = await eventsOf(sandbox.exec(code))
    expect(textOf(bytes, 'stdout')).toHaveLength(5_000_000)
    expect(bytes.at(-1)).toMatchObject({ exitCode: 0, truncated: false })
    const cut = await eventsOf(sandbox.exec(code, { maxOutputBytes: 100_000 }))
    expect(textOf(cut, 'stdout')).toHaveLength(100_000)
    expect(cut.at(-1)).toMatchObject({ killedBy: 'output', truncated: true })
    let called = 0
    const onStdout = (text: string) => void (called += text.length)
    // On a busy machine the agent can confirm the kill too late, and the lease ends.
    const next = await lease()
    expect(await next.exec(code, { onStdout })).toMatchObject({ exitCode: 0, truncated: true })
    expect(called).toBe(5_000_000)
  })

  it('stdin is empty by default and can be a stream', async () => {
    const sandbox = await lease()
    expect(await sandbox.runCode(programs.reads)).toMatchObject({ stdout: '0\n' })
    for await (const event of sandbox.exec('cat')) expect(event).toMatchObject({ exitCode: 0 })
    const piece = 'x'.repeat(100_000)
    let pieces = 30
    const stdin = new ReadableStream<string>({
      pull: (controller) => (pieces-- > 0 ? controller.enqueue(piece) : controller.close()),
    })
    const read = await sandbox.runCode(programs.reads, { stdin })
    expect(read).toMatchObject({ stdout: '3000000\n' })
  })

  it('a stdin stream is cancelled if the program ends first', async () => {
    const sandbox = await lease()
    let cancelled = false
    const stdin = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(50_000)),
      cancel: () => void (cancelled = true),
    })
    expect(await sandbox.exec('head -c 10 | wc -c', { stdin })).toMatchObject({ stdout: '10\n' })
    await until('the stream is cancelled', () => cancelled)
  })

  it('kill() sends the named signal', async () => {
    const sandbox = await lease()
    const handle = sandbox.runCode(programs.catches)
    for await (const event of handle) if (event.type === 'stdout') handle.kill('SIGINT')
    expect(await handle).toMatchObject({ exitCode: 7 })
    expect((await handle).killedBy).toBeUndefined()
    const asleep = sandbox.runCode(programs.sleeps)
    for await (const event of asleep) if (event.type === 'stdout') asleep.kill('SIGTERM')
    expect(await asleep).toMatchObject({ exitCode: null, signal: 'SIGTERM', killedBy: 'abort' })
  })

  it('a killed program leaves no file of the agent', async () => {
    const sandbox = await lease()
    const handle = sandbox.runCode(programs.sleeps)
    for await (const event of handle) if (event.type === 'stdout') handle.kill()
    await sandbox.writeFile('main.js', programs.sleeps)
    const again = sandbox.runCode(programs.sleeps)
    for await (const event of again) if (event.type === 'stdout') again.kill()
    expect((await sandbox.listFiles()).map(({ name }) => name)).toEqual(['main.js'])
  })

  it('several programs run at the same time', async () => {
    const sandbox = await lease()
    const texts = Array.from({ length: 12 }, (_, at) => `number ${at}`)
    const results = await Promise.all(texts.map((text) => sandbox.exec('cat', { stdin: text })))
    expect(results.map(({ stdout }) => stdout)).toEqual(texts)
  })

  it('a hundred simultaneous streams are complete', async () => {
    const sandbox = await lease()
    const count = runtime === 'runc' ? 100 : 40
    const streams = Array.from({ length: count }, (_, at) =>
      eventsOf(sandbox.exec(`yes ${at} | head -n 20000`, { timeoutMs: 60_000 })),
    )
    for (const [at, events] of (await Promise.all(streams)).entries()) {
      expect(textOf(events, 'stdout')).toBe(`${at}\n`.repeat(20_000))
      expect(events.at(-1)).toMatchObject({ type: 'exit', exitCode: 0 })
    }
  })
})

async function eventsOf(handle: ExecHandle): Promise<ExecEvent[]> {
  const events: ExecEvent[] = []
  for await (const event of handle) events.push(event)
  return events
}

function textOf(events: readonly ExecEvent[], type: 'stdout' | 'stderr'): string {
  return events.map((event) => (event.type === type ? event.data : '')).join('')
}
