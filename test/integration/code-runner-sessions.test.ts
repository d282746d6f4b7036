import { describe, expect, it } from 'vitest'
import { Browser } from '../helpers/browser.js'
import { useCodeRunner } from '../helpers/code-runner.js'
import { runtimes } from '../helpers/engine.js'
import { BodyReader, eventsIn, textOf } from '../helpers/events.js'
import { answerToHead } from '../helpers/http.js'
import { within } from '../helpers/until.js'

describe.each(runtimes)('a session of the code runner under %s', (runtime) => {
  const runner = useCodeRunner({ SANDBOX_RUNTIME: runtime })
  const open = () => new Browser(runner().url)

  const startCell = (browser: Browser, code: string, more: object = {}) =>
    browser.post('/session/run/stream', { language: 'python', code, ...more })

  async function run(session: Browser, code: string, language = 'python') {
    const response = await startCell(session, code, { language })
    const text = await response.text()
    expect(response.status, text).toBe(200)
    return { state: response.headers.get('sandbox-session'), events: eventsIn(text) }
  }

  it.each([
    ['python', 'x = 20', 'x + 1'],
    ['nodejs', 'const x = 20', 'x + 1'],
    ['typescript', 'const x: number = 20', 'x + 1 as number'],
  ])('keeps the variables of %s, and not in another browser', async (language, first, second) => {
    const session = open()
    expect((await run(session, first, language)).state).toBe('new')
    const { state, events } = await run(session, second, language)
    expect(state).toBe('kept')
    expect(events).toMatchObject([
      { type: 'result', result: { isMain: true, text: '21' } },
      { type: 'exit', exitCode: 0, context: 'kept' },
    ])
    await session.request(`/session?language=${language}`, { method: 'DELETE' })
    const other = await run(open(), second, language)
    expect(other.events.at(-1)).toMatchObject({ error: { name: expect.stringMatching(/Error/) } })
  })

  it('keeps them after an interrupt, and tells if they are lost', async () => {
    const session = open()
    await run(session, 'x = 1')
    const reader = new BodyReader(
      await startCell(session, 'print("begun", flush=True)\nwhile True: pass'),
    )
    await within('the cell runs', reader.until('begun'))
    expect((await session.post('/session/interrupt', { language: 'python' })).status).toBe(204)
    const interrupted = eventsIn(await within('the cell ends', reader.rest()))
    expect(interrupted.at(-1)).toMatchObject({
      context: 'kept',
      error: { name: 'KeyboardInterrupt' },
    })
    expect(textOf((await run(session, 'print(x)')).events, 'stdout')).toBe('1\n')
    const died = await run(session, 'import os; os._exit(3)')
    expect(died.events.at(-1)).toMatchObject({ type: 'exit', context: 'lost' })
    const next = await run(session, 'print("x" in globals())')
    expect(textOf(next.events, 'stdout')).toBe('False\n')
  })

  it('has the files of the browser and of its cells', async () => {
    const session = open()
    const pathOf = (name: string) => `/session/files/${name}?language=python`
    const body = Buffer.alloc(3 * 1024 * 1024, 'é')
    const put = await session.request(pathOf('in/%C3%A9.txt'), { method: 'PUT', body })
    expect(put.status).toBe(204)
    const code = 'import os\nn = os.path.getsize("in/é.txt")\nopen("out.txt", "w").write(f"{n}")'
    await run(session, code)
    const out = await session.request(pathOf('out.txt'))
    expect(await out.text()).toBe(String(body.length))
    const list = await session.request('/session/files?language=python')
    expect(await list.json()).toMatchObject({
      files: [
        { path: 'in', type: 'directory' },
        { path: 'in/é.txt', type: 'file', size: body.length },
        { path: 'out.txt', type: 'file' },
      ],
    })
    const tooMuch = await answerToHead(runner().url + pathOf('big'), {
      method: 'PUT',
      headers: { cookie: session.cookie, 'content-length': 33 * 1024 * 1024 },
    })
    expect(tooMuch).toMatchObject([413, { error: { code: 'BODY_TOO_LARGE' } }])
    // A link leads anywhere in the container, which is the border.
    await run(session, 'import os\nos.symlink("/etc/shadow", "s")\nos.symlink("/etc/passwd", "p")')
    expect((await session.request(pathOf('s'))).status).toBe(403)
    expect((await session.request(pathOf('p'))).status).toBe(200)
    expect(
      (await session.request(pathOf('out.txt/below'), { method: 'PUT', body: 'x' })).status,
    ).toBeGreaterThanOrEqual(400)
  })
})
