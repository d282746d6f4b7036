import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { CodeRunner } from '../helpers/code-runner.js'
import { lastHoldIn, MAX_HOLD } from '../helpers/held-loop.js'
import { until, within } from '../helpers/until.js'

const PRELOAD = fileURLToPath(new URL('../helpers/loop-hold.mjs', import.meta.url))
const MAX_BYTES = 8 * 1024 * 1024
const JSON_TYPE = 'application/json'
const FORM_TYPE = 'multipart/form-data; boundary=b'
const RUN = '{"language":"python","code":"'

/** Returns a body of the greatest length, made of a repeated unit. */
function filled(head: string, unit: string, tail: string): string {
  const room = MAX_BYTES - Buffer.byteLength(head + tail)
  return head + unit.repeat(Math.floor(room / Buffer.byteLength(unit))) + tail
}

const part = (name: string) => `--b\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n`
const names = (count: number, length: number) =>
  Array.from({ length: count }, (_, at) => `"${at}${'k'.repeat(length)}":""`).join()

/** Bodies that are slow to parse, with the status of the answer. */
const BODIES: [name: string, type: string, body: string, status: number][] = [
  ['empty parts', FORM_TYPE, filled('', '--b\r\n\r\n\r\n', ''), 400],
  ['many fields', FORM_TYPE, filled('', `${part('a')}x\r\n`, ''), 400],
  ['a part of headers', FORM_TYPE, filled('--b\r\n', 'a: b\r\n', ''), 400],
  ['a form with no end of its first part', FORM_TYPE, filled('', '\r\n-', ''), 400],
  ['a boundary of kilobytes', `${FORM_TYPE}${'b'.repeat(8000)}`, filled('', '\r\n--b', ''), 400],
  ['a field of JSON', FORM_TYPE, filled(`${part('args')}[`, '1,', '1]\r\n--b--'), 400],
  ['a field of accents', FORM_TYPE, filled(part('stdin'), 'é', '\r\n--b--'), 400],
  ['variables', JSON_TYPE, `${RUN}","env":{${names(550_000, 0)}}}`, 400],
  ['long names', JSON_TYPE, `{${names(2900, 2800)}}`, 400],
  ['nested arrays', JSON_TYPE, filled('', '[', ''), 400],
  ['nested objects', JSON_TYPE, filled('', '{"a":', ''), 400],
  ['numbers', JSON_TYPE, filled('[', '1,', '1]'), 400],
  ['one number', JSON_TYPE, filled('{"timeoutMs":', '1', '}'), 400],
  ['a name', JSON_TYPE, filled('{"', 'k', '":1}'), 400],
  ['spaces', JSON_TYPE, filled('', ' ', '{}'), 400],
  ['text that is not JSON', JSON_TYPE, filled(RUN, 'a', '",x}'), 400],
  ['escapes', JSON_TYPE, filled(RUN, '\\u0001', '","x":1}'), 400],
  ['base64', JSON_TYPE, filled(`${RUN}","files":[{"path":"a","content":"`, 'QUJD', '!"}]}'), 400],
  ['code', JSON_TYPE, filled(`${RUN}#`, 'é', '"}'), 200],
]

describe('a request body', () => {
  let runner: CodeRunner
  beforeAll(async () => {
    runner = new CodeRunner({
      SANDBOX_RUNTIME: 'runc',
      NODE_OPTIONS: `--import=${PRELOAD}`,
    })
    await runner.process.started()
    return async () => void (await runner.process.end('SIGKILL'))
  })

  /** Returns the longest time for which the server's event loop was held since the last call, in parses. */
  async function held(): Promise<number> {
    const { lines, child } = runner.process
    const before = lines.length
    child.kill('SIGUSR2')
    await until('the server prints the time', () => lines.length > before)
    return lastHoldIn(lines.slice(before).join('\n'))
  }

  it.each(BODIES)('a body with %s does not block other requests', async (_, type, body, status) => {
    await held()
    const headers = { 'content-type': type }
    const answer = await fetch(`${runner.url}/run`, { method: 'POST', headers, body })
    expect(answer.status, (await answer.text()).slice(0, 200)).toBe(status)
    expect(await held()).toBeLessThan(MAX_HOLD)
  })

  /** Sends raw bytes, and returns the answer when the server has closed the connection. */
  async function raw(path: string, type: string, bytes: string): Promise<string> {
    const { hostname, port } = new URL(runner.url)
    const socket = connect(Number(port), hostname).on('error', () => {})
    let text = ''
    socket.on('data', (piece: Buffer) => (text += piece.toString()))
    const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\n`
    socket.write(head + bytes)
    // Not once(), which rejects if the server closes before it has read everything.
    const closed = new Promise((resolve) => socket.once('close', resolve))
    await within('the server closes the connection', closed)
    return text
  }

  it.each([
    ['/run', JSON_TYPE, /^HTTP\/1.1 400 .*too small/s],
    ['/run', FORM_TYPE, /^HTTP\/1.1 400 .*too small/s],
    ['/nowhere', JSON_TYPE, /^HTTP\/1.1 404 /],
  ])(
    'a body to %s of type %s in chunks of one byte does not block other requests',
    async (path, type, answer) => {
      await held()
      const chunks = `Transfer-Encoding: chunked\r\n\r\n${'1\r\n-\r\n'.repeat(1_000_000)}`
      expect(await raw(path, type, chunks)).toMatch(answer)
      expect(await held()).toBeLessThan(MAX_HOLD)
    },
  )

  it('thousands of pipelined requests without a body do not block other requests', async () => {
    await held()
    const requests = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(200_000)
    await raw('/nowhere', JSON_TYPE, `\r\n${requests}`)
    expect(await held()).toBeLessThan(MAX_HOLD)
  })

  it.each([JSON_TYPE, FORM_TYPE])(
    'an incomplete body of type %s is answered with 408',
    async (type) => {
      const answer = await raw('/run', type, 'Content-Length: 100\r\n\r\n{')
      expect(answer).toMatch(/^HTTP\/1.1 408 .*connection: close.*"BODY_TIMEOUT"/is)
    },
  )
})
