import { Hono } from 'hono'
import type { SandboxErrorCode } from 'hono-sandbox'
import { Sandbox, SandboxError, SandboxPool, SandboxProcess } from 'hono-sandbox'
import { errorResponse } from 'hono-sandbox/middleware'
import { METRICS } from 'hono-sandbox/metrics'
import { createTestPool, results } from 'hono-sandbox/testing'
import { describe, expect, it } from 'vitest'
import { parseBytes } from '../../src/config/byte-size.js'
import { Environment } from '../../src/config/environment.js'
import { PoolSettings } from '../../src/config/pool-schema.js'
import { readSettings } from '../../src/config/settings.js'
import { LANGUAGES } from '../../src/languages/built-in.js'
import { SandboxFiles } from '../../src/sandbox/sandbox-files.js'
import { ContainerEntries } from '../../src/schemas/container.js'
import { LanguageSettings } from '../../src/schemas/pool.js'
import {
  codesIn,
  defaultsOf,
  fieldsOf,
  membersOf,
  PAGES,
  readText,
  tableOf,
} from '../helpers/docs.js'

const OPTIONS_PAGE = 'docs/reference/options.md'
const CALLS_PAGE = 'docs/reference/calls.md'
const ERRORS_PAGE = 'docs/reference/errors.md'

const fileCalls = membersOfClass(SandboxFiles, 'src/sandbox/sandbox-files.ts')
const endFields = [...fieldsOf('ExecEnd'), ...fieldsOf('ExecResult')]
const codeFields = [...fieldsOf('CodeEnd'), ...fieldsOf('CodeResult')]
const errorCodes = membersOf('SandboxErrorCode')

/** The tables that list names in their first column, with the names in the code. */
const LISTS = [
  {
    page: OPTIONS_PAGE,
    header: 'Option',
    names: [
      ...Object.keys(PoolSettings.entries).filter(isNotOfContainer),
      ...['base', ...Object.keys(LanguageSettings.entries).filter(isNotOfContainer)].map(
        (key) => `languages.*.${key}`,
      ),
    ],
  },
  { page: OPTIONS_PAGE, header: 'Option of a container', names: Object.keys(ContainerEntries) },
  { page: OPTIONS_PAGE, header: 'Middleware option', names: fieldsOf('SandboxOptions') },
  {
    page: CALLS_PAGE,
    header: 'In the sandbox',
    names: [...fileCalls, ...membersOfClass(Sandbox, 'src/sandbox/sandbox.ts')],
  },
  {
    page: CALLS_PAGE,
    header: 'In the pool',
    names: membersOfClass(SandboxPool, 'src/sandbox-pool.ts'),
  },
  {
    page: CALLS_PAGE,
    header: 'In the statistics',
    names: [...fieldsOf('PoolStats'), ...fieldsOf('LanguageStats')],
  },
  {
    page: CALLS_PAGE,
    header: 'Pool event',
    names: [...membersOf('PoolEvent', 'type'), 'programEnded', 'event', 'closing'],
  },
  { page: 'docs/observability.md', header: 'Metric', names: Object.keys(METRICS) },
  { page: CALLS_PAGE, header: 'In every result', names: endFields },
  { page: CALLS_PAGE, header: '`killedBy`', names: membersOf('KilledBy') },
  { page: ERRORS_PAGE, header: 'Code', names: errorCodes },
  { page: 'docs/files.md', header: 'Call', names: fileCalls },
  { page: 'docs/functions.md', header: '`reason`', names: membersOf('CallFailure') },
  {
    page: 'docs/processes.md',
    header: 'In a process',
    names: membersOfClass(SandboxProcess, 'src/sandbox/process/process.ts'),
  },
  {
    page: 'docs/results.md',
    header: 'In the result of code',
    names: codeFields.filter((name) => !endFields.includes(name) && name !== 'context'),
  },
  { page: 'docs/streams.md', header: 'Event', names: membersOf('StreamEvent', 'type') },
  { page: 'docs/testing.md', header: 'Part', names: Object.keys(results) },
  {
    page: 'docs/testing.md',
    header: 'In a test pool',
    names: membersOfClass(createTestPool().constructor, 'src/testing/test-pool.ts').filter(
      (name) => name !== 'session',
    ),
  },
  { page: 'docs/mcp.md', header: 'Tool', names: toolNames() },
  { page: 'docs/client.md', header: '`reason`', names: membersOf('ClientErrorReason') },
  { page: 'docs/code-runner.md', header: 'Field', names: runRequestFields() },
]

/** The tables of the options of a call. `format` is only in the overloads of its call. */
const OPTIONS = [
  {
    page: OPTIONS_PAGE,
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
    page: 'docs/streams.md',
    header: 'Option of `websocketSandbox`',
    interfaces: ['WebsocketSandboxOptions'],
  },
  { page: 'docs/mcp.md', header: 'Option of `mcp`', interfaces: ['McpBounds', 'McpOptions'] },
  { page: 'docs/client.md', header: 'Option of `readEvents`', interfaces: ['ReadEventsOptions'] },
  { page: 'docs/client.md', header: 'Option of `runSocket`', interfaces: ['RunSocketOptions'] },
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

/** A default that is code. Other defaults are described in words. */
const LITERAL = /^(?:'[^']*'|\d\w*|true|false|console\.error|c\.get\('sandbox'\))/

it.each(LISTS)(
  '$page: the table "$header" lists every name, and no other',
  ({ page, header, names }) => {
    const { rows } = tableOf(page, header)
    const listed = rows.flatMap(([name = '']) =>
      codesIn(name).map((code) => code.replace(/\(.*/, '')),
    )
    expect(listed.sort()).toEqual([...new Set(names)].sort())
  },
)

it.each(OPTIONS)('$page: the table "$header" has every option with its default', (table) => {
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

describe('the documented options of a pool', () => {
  const rows = ['Option', 'Option of a container'].flatMap(
    (header) => tableOf(OPTIONS_PAGE, header).rows,
  )

  it('have every environment variable, and no page names another variable', () => {
    const known = Object.keys(Environment.entries)
    const listed = new Set(rows.flatMap((row) => row.join().match(/SANDBOX_\w+/g) ?? []))
    expect(listed).toEqual(new Set(known))
    for (const page of PAGES) {
      for (const name of readText(page).match(/(?<=`)SANDBOX_\w+/g) ?? []) {
        expect([...known, ...errorCodes, 'SANDBOX_'], page).toContain(name)
      }
    }
  })

  it('have the defaults of the code', () => {
    const shown = new Map(
      rows.map(([name = '', , value = '']) => [codesIn(name)[0], codesIn(value)]),
    )
    const { languages, ...settings } = readSettings({}, {})
    const python = languages.get('python')
    const sizes = {
      memory: python?.limits.memoryBytes,
      workspaceSize: python?.limits.workspaceBytes,
      tmpSize: python?.limits.tmpBytes,
      shmSize: python?.limits.shmBytes,
    }
    for (const [name, bytes] of Object.entries(sizes)) {
      expect(parseBytes(name, shown.get(name)?.[0] ?? ''), name).toBe(bytes)
    }
    const { maxWaiting, startTimeoutMs, leaseTtlMs } = settings
    const ofPool = { maxWaiting, startTimeoutMs, leaseTtlMs }
    const ofContainer = {
      cpus: python?.limits.cpus,
      pids: python?.limits.pids,
      openFiles: python?.limits.openFiles,
      network: python?.limits.network,
      runtime: python?.runtime,
    }
    for (const [name, value] of Object.entries({ ...ofContainer, ...ofPool })) {
      expect(shown.get(name)?.[0]?.replaceAll('_', ''), name).toBe(String(value))
    }
    expect(shown.get('languages.*.size')?.map(Number)).toEqual([python?.size])
    expect(python?.max).toBe(2 * Number(python?.size))
    const images = new Set(Object.values(LANGUAGES).map((language) => language.images[0]))
    expect(shown.get('languages.*.image')).toEqual([...images])
  })
})

it('the documented exit event has every field', () => {
  const { rows } = tableOf('docs/streams.md', 'Event')
  const [, exit = ''] = rows.find(([type]) => type === '`exit`') ?? []
  expect(codesIn(exit).sort()).toEqual([...fieldsOf('ExecEnd'), ...fieldsOf('CodeEnd')].sort())
})

it('the documented errors have the HTTP status of errorResponse()', async () => {
  for (const [names = '', status = ''] of tableOf(ERRORS_PAGE, 'Code').rows) {
    for (const code of codesIn(names).filter(isErrorCode)) {
      const app = new Hono().get('/', (c) => errorResponse(c, new SandboxError(code, 'why')))
      const response = await app.request('/')
      expect(response.status, code).toBe(Number(status))
      expect(await response.json()).toEqual({ error: { code, message: expect.any(String) } })
    }
  }
})

/** Returns the public members of a class: methods, accessors and fields. */
function membersOfClass({ prototype }: { prototype: object }, file: string): string[] {
  const fields = [...readText(file).matchAll(/^ {2}readonly (\w+):/gm)].map(([, name = '']) => name)
  const own = Object.getOwnPropertyNames(prototype)
  return [...own, ...fields].filter((name) => name !== 'constructor')
}

/** Returns the names of the tools of the MCP server. */
function toolNames(): string[] {
  const files = ['program-tools', 'file-tools', 'session-tools']
  const text = files.map((name) => readText(`src/mcp/${name}.ts`)).join('\n')
  return [...text.matchAll(/registerTool\(\s*'(\w+)'/g)].map(([, name = '']) => name)
}

/** Returns the fields of a request body of the code runner. */
function runRequestFields(): string[] {
  const [, body = ''] =
    /const FIELDS = \{\n(.*?)\n\}\n/s.exec(
      readText('examples/code-runner/requests/run-schema.ts'),
    ) ?? []
  return [...body.matchAll(/^ {2}(\w+):/gm)].map(([, name = '']) => name).concat('files')
}

function isNotOfContainer(name: string): boolean {
  return !Object.hasOwn(ContainerEntries, name)
}

function isErrorCode(name: string): name is SandboxErrorCode {
  return errorCodes.includes(name)
}

it('the documented metrics have the kind, the unit and the attributes of METRICS', () => {
  const documented = tableOf('docs/observability.md', 'Metric').rows.map(
    ([name = '', kind = '', further = '']) => ({
      name: codesIn(name)[0],
      kind,
      attributes: ['sandbox.language', ...codesIn(further)],
    }),
  )
  const described = Object.entries(METRICS).map(([name, { kind, unit, attributes }]) => ({
    name,
    kind: `${kind}, \`${unit}\``,
    attributes: [...attributes],
  }))
  expect(documented).toEqual(described)
})
