import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { describe, expect, it, onTestFinished } from 'vitest'
import { CheckedClient, Violation } from '../helpers/checked-client.js'
import { urlOf } from '../helpers/http.js'
import { growthOf } from '../soak/report.js'

const OTHER = 'nonce-0123456789abcdef'
const exit = { type: 'exit', exitCode: 0, killedBy: null }

/** Sends a request to a server that answers with these events to the nonce of the request. */
async function outcomeOf(answerTo: (nonce: string) => object[]) {
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const [nonce = ''] = /nonce-[0-9a-f]{16}/.exec(await text(request)) ?? []
    const lines = answerTo(nonce).map((event) => `${JSON.stringify(event)}\n`)
    response.setHeader('content-type', 'application/x-ndjson').end(lines.join(''))
  }
  const server = createServer((...args) => void answer(...args)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return new CheckedClient(urlOf(server)).send({ way: 'stream', language: 'python' })
}

const printed = (...lines: string[]) => ({ type: 'stdout', data: `[]\n${lines.join('\n')}\n` })
const linesOf = (nonce: string) => [0, 1, 2, 3].map((at) => `${nonce} ${at}`)

describe('the client of the soak', () => {
  it('accepts the right answer, also of a program that was killed early', async () => {
    expect(await outcomeOf((nonce) => [printed(...linesOf(nonce)), exit])).toBe('answered')
    const killed = { ...exit, exitCode: null, killedBy: 'crash' }
    expect(await outcomeOf((nonce) => [printed(`${nonce} 0`), killed])).toBe('killed')
  })

  it('finds that an answer has no end', async () => {
    expect(await outcomeOf((nonce) => [printed(...linesOf(nonce))])).toBe('disconnected')
  })

  it.each<[string, (nonce: string) => object[], RegExp]>([
    ['lost output', (nonce) => [printed(...linesOf(nonce).slice(0, 3)), exit], /^lost/],
    ['no output', () => [exit], /^lost/],
    ['doubled output', (nonce) => [printed(...linesOf(nonce), `${nonce} 3`), exit], /^doubled/],
    ['a doubled exit', (nonce) => [printed(...linesOf(nonce)), exit, exit], /^doubled/],
    ['output in disorder', (nonce) => [printed(`${nonce} 1`, `${nonce} 0`), exit], /^out of order/],
    ['the answer to another request', () => [printed(...linesOf(OTHER)), exit], /^crossed/],
    [
      'a file of another lease',
      (nonce) => [printed(`['${OTHER}']`, ...linesOf(nonce)), exit],
      /^crossed/,
    ],
    ['a failure', (nonce) => [printed(`${nonce} 0`), { ...exit, exitCode: 1 }], /^failed/],
  ])('finds %s', async (_, answerTo, message) => {
    const error = await outcomeOf(answerTo).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(Violation)
    expect(error).toMatchObject({ message: expect.stringMatching(message) })
  })
})

describe('the measures of the soak', () => {
  const MIB = 1024 ** 2
  const before = { rss: 100 * MIB, heapUsed: 20 * MIB, descriptors: 40, median: 100 }

  it('allow what is not a leak', () => {
    expect(growthOf(before, { ...before, rss: 150 * MIB, median: 300 })).toEqual([])
  })

  it.each([
    [{ rss: 200 * MIB }, 'rss is 200.0 MiB, expected about 100.0 MiB'],
    [{ heapUsed: 40 * MIB }, 'heapUsed is 40.0 MiB, expected about 20.0 MiB'],
    [{ descriptors: 60 }, 'descriptors is 60, expected about 40'],
    [{ median: 2000 }, 'median is 2000 ms, expected about 100 ms'],
  ])('find a growth to %j', (after, sentence) => {
    expect(growthOf(before, { ...before, ...after })).toEqual([sentence])
  })
})
