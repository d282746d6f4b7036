import { describe, expect, it } from 'vitest'
import { runStream } from '../../../src/client/index.js'

const headers = { 'content-type': 'application/x-ndjson' }
const answer = (...lines: string[]) =>
  new Response(lines.map((line) => `${line}\n`).join(''), { headers })
const STDOUT = '{"type":"stdout","data":"1"}'
const EXIT = '{"type":"exit","exitCode":3}'

describe('runStream()', () => {
  it('sends the request once, and asks for NDJSON', async () => {
    const sent: RequestInit[] = []
    const send = (init: RequestInit) => {
      sent.push(init)
      return answer(STDOUT, EXIT)
    }
    const run = await runStream(send, { method: 'POST', body: 'x', maxLineLength: 100 })
    const events = []
    for await (const event of run) events.push(event.type)
    expect(events).toEqual(['stdout', 'exit'])
    expect(await run.exit()).toMatchObject({ exitCode: 3 })
    expect(sent).toEqual([{ method: 'POST', body: 'x', headers: expect.any(Headers) }])
    expect(new Headers(sent[0]?.headers).get('accept')).toBe('application/x-ndjson')
  })

  it('exit() alone reads the events', async () => {
    const run = await runStream(() => answer(STDOUT, EXIT))
    expect(await run.exit()).toMatchObject({ exitCode: 3 })
    await expect(run[Symbol.asyncIterator]().next()).rejects.toMatchObject({ reason: 'invalid' })
  })

  it('exit() throws `failed` after an error event, which the loop yields', async () => {
    const error =
      '{"type":"error","error":{"code":"SANDBOX_CLOSED","message":"the pool is closed"}}'
    const run = await runStream(() => answer(STDOUT, error))
    for await (const event of run) expect(['stdout', 'error']).toContain(event.type)
    const failure = { reason: 'failed', code: 'SANDBOX_CLOSED', message: 'the pool is closed' }
    await expect(run.exit()).rejects.toMatchObject(failure)
  })

  it.each([
    ['the stream is cut', [STDOUT]],
    ['the loop ends early', [STDOUT, STDOUT, EXIT]],
  ])('exit() throws `cut` if %s', async (_, lines) => {
    const run = await runStream(() => answer(...lines))
    const loop = async () => {
      for await (const event of run) if (lines.length > 1 && event.type === 'stdout') break
    }
    await loop().catch(() => {})
    await expect(run.exit()).rejects.toMatchObject({ reason: 'cut' })
  })

  it('throws `refused` before it returns a run', async () => {
    const refuse = () => new Response('{"error":{"code":"X","message":"y"}}', { status: 429 })
    await expect(runStream(refuse)).rejects.toMatchObject({
      reason: 'refused',
      status: 429,
      code: 'X',
    })
  })
})
