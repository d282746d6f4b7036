import { existsSync } from 'node:fs'
import path from 'node:path'
import { Hono } from 'hono'
import type { SandboxErrorCode } from 'hono-sandbox'
import { Sandbox, SandboxError } from 'hono-sandbox'
import { errorResponse } from 'hono-sandbox/middleware'
import { describe, expect, it } from 'vitest'
import { parseBytes } from '../../src/bytes.js'
import { LANGUAGES } from '../../src/languages.js'
import { LanguageSettings, PoolSettings } from '../../src/options.js'
import { Pool } from '../../src/pool.js'
import { readSettings } from '../../src/settings.js'
import { codesIn, fieldsOf, membersOf, PAGES, readText, root, tableOf } from '../helpers/docs.js'

describe('the table', () => {
  const names = (header: string) =>
    tableOf('README.md', header).rows.flatMap(([name = '']) => codesIn(name))

  it('of the options has every one, and no other', () => {
    const { languages: _, ...rest } = PoolSettings.entries
    const own = ['languages', ...Object.keys(rest)]
    const ofLanguage = Object.keys(LanguageSettings.entries).map((key) => `languages.*.${key}`)
    expect(names('Option').sort()).toEqual([...own, ...ofLanguage].sort())
  })

  it('of the options has every variable, and no other', () => {
    const known = [...readText('src/env.ts').matchAll(/^ {2}(SANDBOX_\w+):/gm)].map(
      ([, name]) => name,
    )
    const { rows } = tableOf('README.md', 'Option')
    const listed = new Set(rows.flatMap((row) => row.join().match(/SANDBOX_\w+/g) ?? []))
    expect(listed).toEqual(new Set(known))
    for (const page of PAGES) {
      const mentioned = readText(page).match(/`SANDBOX_\w+/g) ?? []
      const codes = membersOf('SandboxErrorCode')
      for (const name of mentioned)
        expect([...known, ...codes, 'SANDBOX_']).toContain(name.slice(1))
    }
  })

  it('of the options has their defaults', () => {
    const { rows } = tableOf('README.md', 'Option')
    const shown = new Map(
      rows.map(([name = '', , value = '']) => [codesIn(name)[0], codesIn(value)]),
    )
    const { limits, languages, ...settings } = readSettings({}, {})
    const sizes = {
      memory: limits.memoryBytes,
      workspaceSize: limits.workspaceBytes,
      tmpSize: limits.tmpBytes,
      shmSize: limits.shmBytes,
    }
    for (const [name, bytes] of Object.entries(sizes)) {
      expect(parseBytes(name, shown.get(name)?.[0] ?? ''), name).toBe(bytes)
    }
    const { cpus, pids, openFiles, network } = limits
    const { runtime, maxWaiting, leaseTtlMs } = settings
    const plain = { cpus, pids, openFiles, network, runtime, maxWaiting, leaseTtlMs }
    for (const [name, value] of Object.entries(plain)) {
      expect(shown.get(name)?.[0]?.replaceAll('_', ''), name).toBe(String(value))
    }
    const python = languages.get('python')
    expect(shown.get('languages.*.size')).toEqual([String(python?.size)])
    expect(python?.max).toBe(2 * (python?.size ?? 0))
    const images = Object.values(LANGUAGES).map((language) => language.images[0])
    expect(shown.get('languages.*.image')).toEqual(images)
  })

  it('of a call has every option, and the middleware its own', () => {
    const program = fieldsOf('ProgramOptions')
    const run = fieldsOf('RunCodeOptions')
    const table = 'Option of `runCode` and `exec`'
    expect(names(table).sort()).toEqual([...program, ...run].sort())
    const sources = readText('src/program.ts') + readText('src/sandbox.ts')
    for (const [, value = ''] of tableOf('README.md', table).rows) {
      for (const code of codesIn(value)) expect(sources).toContain(`@default ${code}\n`)
    }
    const options = fieldsOf('SandboxOptions')
    expect(names('Middleware option').sort()).toEqual(options.sort())
  })

  it('of the sandbox has every member', () => {
    const listed = names('In the sandbox').map((code) => code.replace(/\(.*/, ''))
    const methods = Object.getOwnPropertyNames(Sandbox.prototype)
    const source = readText('src/sandbox.ts')
    const fields = [...source.matchAll(/^ {2}readonly (\w+):/gm)].map(([, name = '']) => name)
    const expected = [...methods, ...fields].filter((name) => name !== 'constructor')
    expect(listed.sort()).toEqual(expected.sort())
  })

  it('of killedBy has every reason', () => {
    expect(names('`killedBy`').sort()).toEqual(membersOf('KilledBy').sort())
  })
})

describe('the table of errors', () => {
  const { rows } = tableOf('README.md', 'Code')
  const listed = rows.flatMap(([code = '', status = '', retry = '']) =>
    codesIn(code).map((name) => ({ name, status: Number(status), hasRetry: retry === 'yes' })),
  )

  it('has every code, once', () => {
    const codes = membersOf('SandboxErrorCode')
    expect(listed.map(({ name }) => name).sort()).toEqual(codes.sort())
  })

  it.each(listed)('$name: $status', async ({ name, status }) => {
    const app = new Hono().get('/', (c) => errorResponse(c, new SandboxError(codeOf(name), 'why')))
    const response = await app.request('/')
    expect(response.status).toBe(status)
    expect(await response.json()).toEqual({ error: { code: name, message: expect.any(String) } })
  })

  it('says which carry Retry-After: those of a pool that can have none now, but later', async () => {
    const withRetry = listed.filter(({ hasRetry }) => hasRetry).map(({ name }) => name)
    expect(withRetry.sort()).toEqual([
      'SANDBOX_ACQUIRE_TIMEOUT',
      'SANDBOX_AGENT_FAILED',
      'SANDBOX_ENGINE_FAILED',
      'SANDBOX_ENGINE_UNAVAILABLE',
      'SANDBOX_IMAGE_MISSING',
      'SANDBOX_QUEUE_FULL',
      'SANDBOX_RUNTIME_MISSING',
    ])
    const stuck = poolWith(() => new Promise(() => {}))
    const late = await codeAndRetry(stuck.acquire({ timeoutMs: 0 }))
    expect(late).toEqual(['SANDBOX_ACQUIRE_TIMEOUT', expect.any(Number)])
    void stuck.acquire({ timeoutMs: 60_000 }).catch(() => {})
    expect(await codeAndRetry(stuck.acquire())).toEqual(['SANDBOX_QUEUE_FULL', expect.any(Number)])
    void stuck.close({ deadlineMs: 0 })
    const broken = poolWith(() => Promise.reject(new SandboxError('SANDBOX_IMAGE_MISSING', 'none')))
    await broken.start()
    expect(await codeAndRetry(broken.acquire())).toEqual([
      'SANDBOX_IMAGE_MISSING',
      expect.any(Number),
    ])
    await broken.close()
    expect(await codeAndRetry(broken.acquire())).toEqual(['SANDBOX_CLOSED', undefined])
  })
})

describe('the text', () => {
  it('names every event of a pool', () => {
    const types = membersOf('PoolEvent', 'type')
    const [, said = ''] = /pool\s+emits\s+(.*?)\./s.exec(readText('README.md')) ?? []
    expect(codesIn(said).sort()).toEqual(types.sort())
  })

  it('names every field of a result', () => {
    const [, said = ''] = /The result has (.*?) where/s.exec(readText('README.md')) ?? []
    expect(codesIn(said).sort()).toEqual(fieldsOf('ExecResult').sort())
  })

  it('links to what is there', () => {
    for (const page of PAGES) {
      const links = [...readText(page).matchAll(/\]\(([^)]+)\)/g)].map(([, link = '']) => link)
      for (const link of links) expect(existsSync(path.join(root, link)), link).toBe(true)
    }
  })
})

function codeOf(name: string): SandboxErrorCode {
  const isCode = (text: string): text is SandboxErrorCode => text.startsWith('SANDBOX_')
  if (!isCode(name)) throw new Error(`${name} is no code`)
  return name
}

function poolWith(launch: () => Promise<never>) {
  const limits = { size: 1, max: 1, maxWaiting: 1, leaseTtlMs: 1000 }
  return new Pool({ language: 'python', suffix: 'docs', launch, ...limits })
}

async function codeAndRetry(acquiring: Promise<unknown>): Promise<unknown> {
  const error = await acquiring.catch((reason: unknown) => reason)
  return error instanceof SandboxError ? [error.code, error.retryAfterMs] : error
}
