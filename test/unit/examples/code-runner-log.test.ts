import fs from 'node:fs'
import { Hono } from 'hono'
import { contextStorage } from 'hono/context-storage'
import { requestId } from 'hono/request-id'
import { sandbox } from 'hono-sandbox/middleware'
import { results } from 'hono-sandbox/testing'
import * as v from 'valibot'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  log,
  logPool,
  responseLog,
  setLogLevel,
} from '../../../examples/code-runner/operator/log.js'
import { until } from '../../helpers/until.js'
import { poolOfTest } from '../fakes/test-pool.js'

const Line = v.looseObject({ level: v.string(), time: v.string(), event: v.string() })

let lines: v.InferOutput<typeof Line>[] = []
const level = log.level
const warn = vi.fn()

beforeEach(() => {
  lines = []
  // pino writes with this function to the file descriptor of stderr.
  vi.spyOn(fs, 'writeSync').mockImplementation((_, text) => {
    lines.push(v.parse(Line, JSON.parse(text)))
    return text.length
  })
  vi.spyOn(process, 'emitWarning').mockImplementation(warn)
})

afterEach(() => {
  log.level = level
  vi.restoreAllMocks()
})

function appWith() {
  const pool = poolOfTest({ languages: { python: { size: 1, max: 1 } } })
  pool.onCode('pass', results.exit(0))
  logPool(pool)
  const app = new Hono()
    .use(requestId(), contextStorage())
    .use(sandbox({ pool, logger: responseLog, acquireTimeoutMs: 50 }))
    .get('/run', async (c) => c.json(await c.get('sandbox').runCode('pass')))
  const get = async (id: string) => app.request('/run', { headers: { 'x-request-id': id } })
  return { pool, get }
}

describe('the log of the code runner', () => {
  it('has a line for each program, with the id of its request', async () => {
    setLogLevel('info')
    const { pool, get } = appWith()
    await Promise.all(['a', 'b'].map(get))
    await pool.close()
    const programs = lines.filter(({ event }) => event === 'programEnded')
    expect(new Set(programs.map((line) => line.requestId))).toEqual(new Set(['a', 'b']))
    expect(programs[0]).toMatchObject({
      level: 'info',
      language: 'python',
      call: 'runCode',
      exitCode: 0,
      container: expect.stringContaining('sandbox_python'),
    })
  })

  it('has the refusal of a caller, with the id of its request', async () => {
    setLogLevel('info')
    const { pool, get } = appWith()
    const box = await pool.acquire('python')
    expect((await get('late')).status).toBe(503)
    const code = 'SANDBOX_ACQUIRE_TIMEOUT'
    expect(lines).toContainEqual(
      expect.objectContaining({ event: 'refused', requestId: 'late', code }),
    )
    expect(lines).toContainEqual(
      expect.objectContaining({ event: 'errorResponse', requestId: 'late' }),
    )
    box.release()
    await pool.close()
  })

  it('has the failure of a launch after the start as a warning, and the process warns no more', async () => {
    const { pool, get } = appWith()
    await pool.start()
    pool.failLaunches('SANDBOX_IMAGE_MISSING')
    await get('a')
    await until('the failure is logged', () => lines.length > 0)
    expect(lines[0]).toMatchObject({
      level: 'warn',
      event: 'launchFailed',
      language: 'python',
      code: 'SANDBOX_IMAGE_MISSING',
    })
    expect(lines.filter(({ event }) => event !== 'launchFailed')).toEqual([])
    expect(warn).not.toHaveBeenCalledWith(
      expect.anything(),
      expect.objectContaining({ code: 'SANDBOX_IMAGE_MISSING' }),
    )
    await pool.close()
  })

  it('refuses a level that does not exist', () => {
    expect(() => setLogLevel('loud')).toThrow(
      'LOG_LEVEL is "loud", expected one of trace, debug, info, warn, error, fatal, silent',
    )
  })
})
