import { existsSync } from 'node:fs'
import path from 'node:path'
import { Hono } from 'hono'
import type { SandboxErrorCode } from 'hono-sandbox'
import { Sandbox, SandboxError, SandboxProcess } from 'hono-sandbox'
import { errorResponse } from 'hono-sandbox/middleware'
import { describe, expect, it } from 'vitest'
import { parseBytes } from '../../src/config/byte-size.js'
import { LANGUAGES } from '../../src/languages/built-in.js'
import { Environment } from '../../src/config/environment.js'
import { PoolSettings } from '../../src/config/pool-schema.js'
import { LanguageSettings } from '../../src/schemas/pool.js'
import { Pool } from '../../src/pool/pool.js'
import { SandboxFiles } from '../../src/sandbox/sandbox-files.js'
import { readSettings } from '../../src/config/settings.js'
import {
  codesIn,
  defaultsOf,
  fieldsOf,
  membersOf,
  PAGES,
  readText,
  root,
  tableOf,
} from '../helpers/docs.js'

/** The tables of what a call takes. One option comes in the overloads of its call alone. */
const OPTIONS = [
  {
    page: 'README.md',
    header: 'Option of `runCode` and `exec`',
    interfaces: ['ProgramOptions', 'CodeOptions', 'TextOutput'],
    format: "'text'",
  },
  {
    page: 'docs/streams.md',
    header: 'Option of `streamSandbox`',
    interfaces: ['StreamSandboxOptions'],
  },
  {
    page: 'docs/processes.md',
    header: 'Option of `startProcess`',
    interfaces: ['StartProcessOptions'],
  },
  {
    page: 'docs/files.md',
    header: 'Option',
    interfaces: ['FileCallOptions', 'TreeOptions', 'WriteFileOptions', 'ReadFileOptions'],
    format: "'bytes'",
  },
  { page: 'docs/files.md', header: 'Option of `collect`', interfaces: ['CollectOptions'] },
  {
    page: 'docs/uploads-and-downloads.md',
    header: 'Option of `receiveFiles`',
    interfaces: ['ReceiveFilesOptions'],
  },
  {
    page: 'docs/uploads-and-downloads.md',
    header: 'Option of `sendFile`',
    interfaces: ['SendFileOptions'],
  },
]

/** A default that is code; others are said in words. */
const LITERAL = /^(?:'[^']*'|\d\w*|true|false|console\.error|c\.get\('sandbox'\))/

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
    const known = Object.keys(Environment.entries)
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
    const { runtime, maxWaiting, startTimeoutMs, leaseTtlMs } = settings
    const times = { startTimeoutMs, leaseTtlMs }
    const plain = { cpus, pids, openFiles, network, runtime, maxWaiting, ...times }
    for (const [name, value] of Object.entries(plain)) {
      expect(shown.get(name)?.[0]?.replaceAll('_', ''), name).toBe(String(value))
    }
    const python = languages.get('python')
    expect(shown.get('languages.*.size')?.map(Number)).toEqual([python?.size])
    expect(python?.max).toBe(2 * Number(python?.size))
    const images = new Set(Object.values(LANGUAGES).map((language) => language.images[0]))
    expect(shown.get('languages.*.image')).toEqual([...images])
  })

  it.each(OPTIONS)('$page: $header has every option, and its default', (table) => {
    const { page, header, interfaces, format = '' } = table
    const defaults = new Map(interfaces.flatMap((name) => Array.from(defaultsOf(name))))
    if (format) defaults.set('format', format)
    const { rows } = tableOf(page, header)
    const listed = rows.flatMap(([name = '', value = '']) =>
      codesIn(name).map((option) => ({ option, shown: codesIn(value)[0] })),
    )
    expect(listed.map(({ option }) => option).sort()).toEqual([...defaults.keys()].sort())
    for (const { option, shown } of listed) {
      expect(shown, option).toBe(LITERAL.exec(defaults.get(option) ?? '')?.[0])
    }
  })

  it('of the middleware has every option', () => {
    expect(names('Middleware option').sort()).toEqual(fieldsOf('SandboxOptions').sort())
  })

  it('of the sandbox has every member', () => {
    const listed = names('In the sandbox').map((code) => code.replace(/\(.*/, ''))
    const files = membersOfClass(SandboxFiles, 'src/sandbox/sandbox-files.ts')
    const own = membersOfClass(Sandbox, 'src/sandbox/sandbox.ts')
    expect(listed.sort()).toEqual([...own, ...files].sort())
  })

  it('of a process has every member', () => {
    const { rows } = tableOf('docs/processes.md', 'In a process')
    const listed = rows.flatMap(([name = '']) =>
      codesIn(name).map((code) => code.replace(/\(.*/, '')),
    )
    const expected = membersOfClass(SandboxProcess, 'src/sandbox/process/process.ts')
    expect(listed.sort()).toEqual(expected.sort())
  })

  it('of file calls has every one', () => {
    const { rows } = tableOf('docs/files.md', 'Call')
    const listed = rows.flatMap(([name = '']) =>
      codesIn(name).map((code) => code.replace(/\(.*/, '')),
    )
    expect(listed.sort()).toEqual(
      membersOfClass(SandboxFiles, 'src/sandbox/sandbox-files.ts').sort(),
    )
  })

  it('of events has every one', () => {
    const { rows } = tableOf('docs/streams.md', 'Event')
    const listed = rows.flatMap(([type = '']) => codesIn(type))
    expect(new Set(listed)).toEqual(new Set(membersOf('StreamEvent', 'type')))
    const exit = rows.find(([type]) => type === '`exit`')?.[1] ?? ''
    expect(codesIn(exit).sort()).toEqual([...fieldsOf('ExecEnd'), ...fieldsOf('CodeEnd')].sort())
  })

  it('of results has what only code has', () => {
    const { rows } = tableOf('docs/results.md', 'In the result')
    const listed = rows.flatMap(([name = '']) => codesIn(name))
    const fields = [...fieldsOf('CodeEnd'), ...fieldsOf('CodeResult')]
    const ofAll = new Set([...fieldsOf('ExecResult'), 'context'])
    expect(listed.sort()).toEqual(fields.filter((name) => !ofAll.has(name)).sort())
    const kinds = codesIn(rows.find(([name]) => name === '`results`')?.[1] ?? '')
    const others = new Set(['isMain', 'omitted'])
    expect(kinds.sort()).toEqual(
      fieldsOf('RichResult')
        .filter((name) => !others.has(name))
        .sort(),
    )
  })

  it('of a call has every reason', () => {
    const { rows } = tableOf('docs/functions.md', '`reason`')
    const listed = rows.flatMap(([name = '']) => codesIn(name))
    expect(listed.sort()).toEqual(membersOf('CallFailure').sort())
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
      'SANDBOX_INTERPRETER_MISSING',
      'SANDBOX_PRELOAD_FAILED',
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
    const fields = [...fieldsOf('ExecEnd'), ...fieldsOf('ExecResult')]
    fields.push('text', 'results', 'error') // of code
    expect(codesIn(said).sort()).toEqual(fields.sort())
  })

  it('links to what is there', () => {
    for (const page of PAGES) {
      const links = [...readText(page).matchAll(/\]\(([^)]+)\)/g)].map(([, link = '']) => link)
      const folder = path.join(root, path.dirname(page))
      for (const link of links) {
        const [file = ''] = link.split('#')
        expect(existsSync(path.join(folder, file)), link).toBe(true)
      }
    }
  })
})

/** What stands in a class for its users: methods, accessors and fields. */
function membersOfClass({ prototype }: { prototype: object }, file: string): string[] {
  const fields = [...readText(file).matchAll(/^ {2}readonly (\w+):/gm)].map(([, name = '']) => name)
  const own = Object.getOwnPropertyNames(prototype)
  return [...own, ...fields].filter((name) => name !== 'constructor')
}

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
