import type { JSHandle, Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { until, within } from '../helpers/until.js'
import { useBrowser } from './chromium.js'
import type { stream, talk } from './page.js'
import { useSite } from './site.js'

// Variables of the page.
declare const client: { stream: typeof stream; talk: typeof talk }
declare const held: ReturnType<typeof talk>
declare const history: { back(): void }
declare const document: {
  createElement(name: 'meta'): { httpEquiv: string; content: string }
  head: { append(element: object): void }
}

const NDJSON = 'application/x-ndjson'
const SSE = 'text/event-stream'
const EXIT = { type: 'exit', exitCode: 0 }
const ECHO = 'import sys\nfor line in sys.stdin: print(line, end="", flush=True)'
const SLEEPS = 'print("a", flush=True)\nimport time\ntime.sleep(600)'

type Run = JSHandle<Pick<ReturnType<typeof talk>, 'reader' | 'leave'>>

const startStream = (page: Page, code: string, accept: string) =>
  page.evaluateHandle(([code, accept]) => client.stream(code, accept), [code, accept] as const)
const startTalk = (page: Page, code: string) =>
  page.evaluateHandle((code) => client.talk(code), code)

const stdoutOf = (run: Run) => run.evaluate(({ reader }) => reader.stdout)
const untilPrints = (run: Run, part: string) =>
  until(`the program prints ${part}`, async () => (await stdoutOf(run)).includes(part))

/** Waits for the end of the loop. Returns its error in part, or the last event. */
function endOf(run: Run): Promise<unknown> {
  const end = run.evaluate(async ({ reader }) => {
    const end = await reader.over
    if (!(end instanceof Error)) return end
    return { name: end.name, message: end.message, reason: Reflect.get(end, 'reason') }
  })
  return within('the loop ends', end)
}

describe('the client in a browser', () => {
  const site = useSite()
  const open = useBrowser()

  /** Opens the page through a proxy that can lose the connections. */
  async function visit() {
    const proxy = await site().proxy()
    return { proxy, ...(await open(`http://127.0.0.1:${proxy.port}/`)) }
  }

  it.each([NDJSON, SSE])('reads a stream of %s', async (accept) => {
    const { page, problems } = await visit()
    const run = await startStream(page, 'print("é" * 100_000)\n42', accept)
    expect(await endOf(run)).toMatchObject(EXIT)
    expect(await stdoutOf(run)).toBe(`${'é'.repeat(100_000)}\n`)
    const events = await run.evaluate(({ reader }) => reader.events)
    expect(events).toContainEqual({ type: 'result', result: { isMain: true, text: '42' } })
    expect(problems).toEqual([])
  })

  it('talks with a program', async () => {
    const { page, problems } = await visit()
    const run = await startTalk(page, ECHO)
    await run.evaluate(async ({ run }) => {
      await run.write(`${'é'.repeat(100_000)}\n`)
      await run.write(new TextEncoder().encode('b\n'))
      run.eof()
    })
    expect(await endOf(run)).toMatchObject(EXIT)
    expect(await stdoutOf(run)).toBe(`${'é'.repeat(100_000)}\nb\n`)
    expect(problems).toEqual([])
  })

  it('resumes a run whose connection is lost, and loses and doubles nothing', async () => {
    const { page, problems, proxy } = await visit()
    const before = site().leases
    let connections = 0
    page.on('websocket', () => connections++)
    const run = await startTalk(page, ECHO)
    for (let from = 0; from < 300; from += 100) {
      const write = async ({ run }: ReturnType<typeof talk>, from: number) => {
        const writes = Array.from({ length: 100 }, (_, at) => run.write(`${from + at}\n`))
        await writes[0]
      }
      await run.evaluate(write, from)
      proxy.cut()
    }
    await run.evaluate(({ run }) => run.eof())
    expect(await endOf(run)).toMatchObject(EXIT)
    expect(await stdoutOf(run)).toBe(Array.from({ length: 300 }, (_, at) => `${at}\n`).join(''))
    expect(connections).toBeGreaterThan(3)
    expect(site().leases - before).toBe(1)
    expect(problems).toEqual([])
  })

  it.each(['aborts its signals', 'reloads', 'closes'])(
    'a page that %s ends its programs',
    async (how) => {
      const { page, problems } = await visit()
      const runs = [await startStream(page, SLEEPS, NDJSON), await startTalk(page, SLEEPS)]
      for (const run of runs) await untilPrints(run, 'a')
      if (how === 'reloads') await page.reload()
      else if (how === 'closes') await page.close()
      else {
        for (const run of runs) {
          await run.evaluate(({ leave }) => leave.abort())
          expect(await endOf(run)).toMatchObject({ name: 'AbortError' })
        }
      }
      await site().leasesEnd()
      expect(problems).toEqual([])
    },
  )

  it('resumes a run when its page comes back from the back/forward cache', async () => {
    const { page, problems } = await visit()
    const before = site().leases
    await page.evaluate((code) => {
      Object.assign(globalThis, { held: client.talk(code) })
    }, ECHO)
    const findHeld = () => page.evaluateHandle(() => held)
    const write = async (text: string) =>
      (await findHeld()).evaluate(({ run }, text) => run.write(text), text)
    await write('a\n')
    await page.goto(`${page.url()}?another`)
    await page.evaluate(() => history.back())
    await page.waitForFunction(() => 'held' in globalThis)
    await write('b\n')
    const run = await findHeld()
    await run.evaluate(({ run }) => run.eof())
    expect(await endOf(run)).toMatchObject(EXIT)
    expect(await stdoutOf(run)).toBe('a\nb\n')
    expect(site().leases - before).toBe(1)
    expect(problems).toEqual([])
  })

  // Shorter than the time after which a silent connection is lost.
  it('is refused at once if the policy of its page forbids it', { timeout: 10_000 }, async () => {
    const { page, problems } = await visit()
    await page.evaluate(() => {
      const policy = document.createElement('meta')
      policy.httpEquiv = 'Content-Security-Policy'
      policy.content = "connect-src 'none'"
      document.head.append(policy)
    })
    expect(await endOf(await startTalk(page, ECHO))).toMatchObject({ reason: 'refused' })
    expect(problems).toEqual([expect.stringContaining("connect-src 'none'")])
  })

  it('its runs are cut if the server is killed, and do not run again', async () => {
    const { page, problems } = await visit()
    const streams = [await startStream(page, SLEEPS, NDJSON), await startStream(page, SLEEPS, SSE)]
    const socket = await startTalk(page, SLEEPS)
    for (const run of [...streams, socket]) await untilPrints(run, 'a')
    await site().kill()
    for (const run of streams) expect(await endOf(run)).toMatchObject({ reason: 'cut' })
    await site().restart()
    expect(await endOf(socket)).toMatchObject({
      reason: 'cut',
      message: expect.stringContaining('the server does not have'),
    })
    expect(site().leases).toBe(0)
    expect(problems.filter((problem) => !problem.includes('net::ERR_'))).toEqual([])
  })
})
