import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import * as v from 'valibot'
import { WebSocket } from 'ws'
import type { StreamEvent } from '../../middleware/index.js'
import { runSocket, SandboxClientError } from '../../src/client/index.js'
import { eventsIn, textOf } from './events.js'
import { fetchOnce } from './http.js'

/** The result of one request of a {@link CheckedClient}. */
export type Outcome =
  /** The whole answer came, and it was the right one. */
  | 'answered'
  /** The server refused the request with an error of the library. */
  | 'refused'
  /** The program was killed, or its run was lost. */
  | 'killed'
  /** The connection to the server was lost. Only a server that has ended may do so. */
  | 'disconnected'
  /** The client left before the answer. */
  | 'left'

export const WAYS = ['plain', 'stream', 'socket'] as const
export interface CheckedRequest {
  way: (typeof WAYS)[number]
  language: 'python' | 'nodejs'
  /** The client leaves, or loses its WebSocket, after this time. */
  leaveAfterMs?: number | undefined
  /** The time of the program between two lines. */
  pauseMs?: number
}

/**
 * The longest time for an answer. It is more than the time limits together: 10 s in the queue, 10 s for
 * the program, and 30 s in which the client of a WebSocket tries to come back.
 */
const ANSWER_MS = 90_000
const LINES = 4
const NONCE = /nonce-[0-9a-f]{16}/g
const LINE = /nonce-[0-9a-f]{16} \d/g

const Refusal = v.object({ error: v.object({ code: v.string() }) })
const Answer = v.object({
  stdout: v.string(),
  exitCode: v.nullable(v.number()),
  killedBy: v.nullable(v.string()),
})

/** An answer that a server must never give: it was lost, given twice, or is that of another request. */
export class Violation extends Error {}

/**
 * A client that sends a nonce with each program and finds it in the answer. The program writes the nonce
 * into a file and lists the files before, so that a container that had another lease is found, too.
 */
export class CheckedClient {
  readonly #url: string
  /** The numbers of the outcomes; a refusal counts by its code, too. */
  readonly counts: Record<string, number> = {}
  /** The durations of the answered requests in milliseconds. */
  readonly durations: number[] = []

  constructor(url: string) {
    this.#url = url
  }

  /** Sends a request. @throws Violation */
  async send(request: CheckedRequest): Promise<Outcome> {
    const since = performance.now()
    const outcome = await this.#send(request)
    this.#count(outcome)
    if (outcome === 'answered') this.durations.push(performance.now() - since)
    return outcome
  }

  async #send({ way, language, leaveAfterMs, pauseMs = 0 }: CheckedRequest): Promise<Outcome> {
    const nonce = `nonce-${randomBytes(8).toString('hex')}`
    const program = { language, code: PROGRAMS[language](nonce, pauseMs), timeoutMs: 10_000 }
    const late = AbortSignal.timeout(ANSWER_MS)
    const leave = leaveAfterMs === undefined ? [] : [AbortSignal.timeout(leaveAfterMs)]
    const signal = AbortSignal.any([late, ...(way === 'socket' ? [] : leave)])
    try {
      if (way === 'plain') return await this.#plain(program, nonce, signal)
      if (way === 'stream') return await this.#stream(program, nonce, signal)
      return await this.#socket(program, nonce, { signal, loseAfterMs: leaveAfterMs })
    } catch (error) {
      if (error instanceof Violation) throw error
      if (late.aborted) throw new Violation(`no answer within ${ANSWER_MS} ms to ${nonce} (${way})`)
      if (signal.aborted) return 'left'
      // A connection that is lost before the server has the program is not opened again.
      const isLost = way === 'socket' && leaveAfterMs !== undefined
      const outcome = this.#failed(error)
      return isLost && outcome === 'disconnected' ? 'left' : outcome
    }
  }

  async #plain(program: object, nonce: string, signal: AbortSignal): Promise<Outcome> {
    const [response, text] = await this.#post('/run', program, signal)
    checkNonces(text, nonce)
    if (!response.ok) return this.#refused(v.parse(Refusal, JSON.parse(text)).error.code)
    return judge(nonce, v.parse(Answer, JSON.parse(text)))
  }

  async #stream(program: object, nonce: string, signal: AbortSignal): Promise<Outcome> {
    const [response, text] = await this.#post('/run/stream', program, signal)
    checkNonces(text, nonce)
    if (!response.ok) return this.#refused(v.parse(Refusal, JSON.parse(text)).error.code)
    return this.#judgeEvents(nonce, eventsIn(text))
  }

  async #post(path: string, program: object, signal: AbortSignal): Promise<[Response, string]> {
    const headers = { 'content-type': 'application/json', accept: 'application/x-ndjson' }
    const init = { method: 'POST', headers, body: JSON.stringify(program), signal }
    const response = await fetchOnce(this.#url + path, init)
    return [response, await response.text()]
  }

  /** Runs over a WebSocket. If `loseAfterMs` is set, its first connection is lost then. */
  async #socket(
    program: object,
    nonce: string,
    { signal, loseAfterMs }: { signal: AbortSignal; loseAfterMs: number | undefined },
  ): Promise<Outcome> {
    let connections = 0
    const connect = (url: string) => {
      const socket = new WebSocket(url)
      socket.on('error', () => {}) // followed by close
      if (connections++ === 0 && loseAfterMs !== undefined) {
        void sleep(loseAfterMs).then(() => socket.terminate())
      }
      return socket
    }
    const url = `${this.#url.replace('http', 'ws')}/run/interactive`
    const events: StreamEvent[] = []
    for await (const event of runSocket(url, program, { signal, connect })) events.push(event)
    checkNonces(JSON.stringify(events), nonce)
    return this.#judgeEvents(nonce, events)
  }

  #judgeEvents(nonce: string, events: readonly StreamEvent[]): Outcome {
    const [end, ...more] = events.filter(({ type }) => type === 'exit' || type === 'error')
    if (more.length > 0) throw new Violation(`doubled: ${nonce} has ended ${more.length + 1} times`)
    if (end?.type === 'error') return this.#refused(end.error.code)
    // fetch() does not report a lost connection if it was not to be kept.
    if (end?.type !== 'exit') return 'disconnected'
    const { exitCode, killedBy = null } = end
    return judge(nonce, { stdout: textOf(events, 'stdout'), exitCode, killedBy })
  }

  #failed(error: unknown): Outcome {
    if (error instanceof SandboxClientError) {
      if (error.code !== undefined) return this.#refused(error.code)
      if (error.reason === 'invalid') throw new Violation(`invalid events: ${error.message}`)
      return 'disconnected'
    }
    // Of fetch(), or of JSON that ends in the middle.
    if (error instanceof TypeError || error instanceof SyntaxError) return 'disconnected'
    throw error
  }

  #refused(code: string): Outcome {
    this.#count(code)
    return 'refused'
  }

  #count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1
  }
}

/** @throws Violation if the text has the nonce of another request. */
function checkNonces(text: string, nonce: string): void {
  const other = text.match(NONCE)?.find((found) => found !== nonce)
  if (other) throw new Violation(`crossed: the answer to ${nonce} has ${other}`)
}

/** Compares the output of a program with what it printed. @throws Violation */
function judge(
  nonce: string,
  { stdout, exitCode, killedBy }: v.InferOutput<typeof Answer>,
): Outcome {
  const expected = Array.from({ length: LINES }, (_, at) => `${nonce} ${at}`)
  const lines = stdout.match(LINE) ?? []
  if (new Set(lines).size < lines.length) throw new Violation(`doubled: ${nonce} printed ${stdout}`)
  const isPart = lines.every((line, at) => line === expected[at])
  if (!isPart) throw new Violation(`out of order: ${nonce} printed ${stdout}`)
  if (killedBy !== null) return 'killed'
  if (exitCode !== 0) throw new Violation(`failed: ${nonce} exited with ${exitCode}: ${stdout}`)
  if (lines.length < LINES) throw new Violation(`lost: ${nonce} printed only ${stdout}`)
  return 'answered'
}

const PROGRAMS = {
  python: (nonce: string, pauseMs: number) => `import os, time
print(os.listdir('.'), flush=True)
open('${nonce}', 'w').close()
for at in range(${LINES}):
    print('${nonce}', at, flush=True)
    time.sleep(${pauseMs / 1000})
`,
  nodejs: (nonce: string, pauseMs: number) => `const fs = require('node:fs')
const { setTimeout: sleep } = require('node:timers/promises')
const main = async () => {
  console.log(fs.readdirSync('.'))
  fs.writeFileSync('${nonce}', '')
  for (let at = 0; at < ${LINES}; at++) {
    console.log('${nonce}', at)
    await sleep(${pauseMs})
  }
}
main()
`,
}
