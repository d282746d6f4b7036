import { describe, expect, it } from 'vitest'
import { disconnectDelays, useCodeRunner } from '../helpers/code-runner.js'
import { languages, runtimes } from '../helpers/engine.js'
import { BodyReader, eventsIn, textOf } from '../helpers/events.js'
import { until, within } from '../helpers/until.js'

const NDJSON = 'application/x-ndjson'
const FORMATS = ['text/event-stream', NDJSON]

/** Prints one line and then waits. */
const WAITS = {
  python: 'import time\nprint("first", flush=True)\ntime.sleep(600)',
  nodejs: 'console.log("first")\nsetTimeout(() => {}, 600_000)',
}
/** Writes endless output. */
const ENDLESS = {
  python: 'import os\nblock = b"0123456789abcde\\n" * 4096\nwhile True: os.write(1, block)',
  nodejs: `const block = Buffer.alloc(65536, '0123456789abcde\\n')
for (;;) require('fs').writeSync(1, block)`,
}

describe.each(runtimes)('a streamed run under %s', (runtime) => {
  const runner = useCodeRunner({ SANDBOX_RUNTIME: runtime })

  it.each(languages.flatMap((language) => FORMATS.map((accept) => ({ language, accept }))))(
    'a streamed run of $language sends events at once as $accept, until the client disconnects',
    async ({ language, accept }) => {
      const code = WAITS[language]
      const answer = await runner().stream(
        { language, code, timeoutMs: 60_000 },
        { accept: `${accept}, */*;q=0.1` },
      )
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, accept])
      const reader = new BodyReader(answer)
      await within('the first event comes while the program runs', reader.until('first'))
      expect(reader.text).not.toContain('exit')
      expect((await runner().languages())[language]?.leased).toBe(1)
      await reader.cancel()
      await until('the lease has ended', async () => (await runner().leased()) === 0)
    },
  )

  it.each(languages)(
    'a streamed run of %s accepts files and ends with one exit event',
    async (language) => {
      const code = {
        python: 'import sys\nprint(open("a/é.txt").read())\nprint("no", file=sys.stderr)\nexit(3)',
        nodejs: `console.log(require('fs').readFileSync('a/é.txt', 'utf8'))
console.error('no')\nprocess.exitCode = 3`,
      }[language]
      const files = [{ path: 'a/é.txt', content: Buffer.from('日本').toString('base64') }]
      const events = await Promise.all(
        FORMATS.map(async (accept) =>
          eventsIn(await (await runner().stream({ language, code, files }, { accept })).text()),
        ),
      )
      for (const each of events) {
        expect([textOf(each, 'stdout'), textOf(each, 'stderr')]).toEqual(['日本\n', 'no\n'])
        expect(each.filter(({ type }) => type === 'exit')).toHaveLength(1)
        expect(each.at(-1)).toMatchObject({ type: 'exit', exitCode: 3, signal: null })
        expect(each.at(-1)).not.toHaveProperty('killedBy')
      }
    },
  )

  it.each(languages)('the exit event of a run of %s reports a timeout', async (language) => {
    const answer = await runner().stream({ language, code: WAITS[language], timeoutMs: 1000 })
    const events = eventsIn(await answer.text())
    expect(textOf(events, 'stdout')).toBe('first\n')
    expect(events.at(-1)).toMatchObject({ type: 'exit', exitCode: null, killedBy: 'timeout' })
  })

  it('an invalid streamed run is answered with 400 in place of a stream', async () => {
    const file = { path: '/etc/s3cr3t', content: '' }
    for (const more of [{ code: 5 }, { files: [file] }, { stdin: 5 }]) {
      const answer = await runner().stream({ language: 'python', code: '', ...more })
      const text = await answer.text()
      expect(answer.status, text).toBe(400)
      expect(JSON.parse(text)).toMatchObject({ error: { code: 'BAD_REQUEST' } })
      expect(text).not.toContain('s3cr3t')
    }
  })

  it('a disconnect of the client at any time leaves no lease and no container', async () => {
    const answers = disconnectDelays(1).map(async (ms, at) => {
      const language = languages[at % 2] ?? 'python'
      const code = at % 3 === 0 ? WAITS[language] : ENDLESS[language]
      const signal = AbortSignal.timeout(ms)
      const answer = await runner().stream(
        { language, code, timeoutMs: 60_000 },
        { accept: FORMATS[at % 4 < 2 ? 0 : 1], signal },
      )
      return answer.text()
    })
    const ends = await within('all clients have disconnected', Promise.allSettled(answers))
    expect(ends.map(({ status }) => status)).toEqual(Array(20).fill('rejected'))
    await runner().settled()
  })
})
