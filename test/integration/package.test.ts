import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ServerProcess } from '../helpers/server.js'
import { until } from '../helpers/until.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const npm = (args: string[], cwd: string) => promisify(execFile)('npm', args, { cwd })
const Packed = v.array(
  v.object({ filename: v.string(), files: v.array(v.object({ path: v.string() })) }),
)
const Manifest = v.object({ peerDependencies: v.record(v.string(), v.string()) })

const APP = `
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { closeSandboxes, getSandboxes, initSandboxes } from 'hono-sandbox'
import { sandbox } from 'hono-sandbox/middleware'

await initSandboxes({ languages: { python: { size: 1 } } })
const app = new Hono()
app.get('/leased', (c) => c.json(getSandboxes().stats().python.leased))
app.post('/run', sandbox(), async (c) => c.json(await c.get('sandbox').runCode(await c.req.text())))
const server = serve({ fetch: app.fetch, port: 0 }, ({ port }) => console.log('http://localhost:' + port))
process.on('SIGTERM', () => closeSandboxes().then(() => process.exit(0)))
`

const NOT_COPIED = new Set(
  ['node_modules', 'dist', 'coverage', '.git', 'test/adapters/node_modules'].map((name) =>
    join(root, name),
  ),
)

/** Copies the sources, because to pack them removes and builds `dist`, which other tests run. */
async function copySources(): Promise<string> {
  const sources = join(folder, 'sources')
  await cp(root, sources, { recursive: true, filter: (path) => !NOT_COPIED.has(path) })
  await symlink(join(root, 'node_modules'), join(sources, 'node_modules'))
  return sources
}

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hono-sandbox-pack-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('the npm package', () => {
  let paths: string[] = []

  beforeAll(async () => {
    const sources = await copySources()
    const { stdout } = await npm(['pack', '--json', '--pack-destination', folder], sources)
    const [packed] = v.parse(Packed, JSON.parse(stdout.slice(stdout.indexOf('['))))
    paths = packed?.files.map(({ path }) => path) ?? []
    await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
    await writeFile(join(folder, 'app.mjs'), APP)
    // The other tests use the newest peers. This one uses the oldest that the manifest allows.
    const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
    const peers = Object.entries(v.parse(Manifest, manifest).peerDependencies).map(
      ([name, range]) => `${name}@${/^>=(\S+) <\d+$/.exec(range)?.[1]}`,
    )
    const options = ['--ignore-scripts', '--no-audit', '--no-fund']
    await npm(['install', ...options, join(folder, packed?.filename ?? ''), ...peers], folder)
  })

  it('the package has the sources of the agents and no TypeScript sources or tests', () => {
    expect(paths).toContain('dist/src/agent/sources.js')
    expect(paths).toContain('dist/src/engine/docker/seccomp/docker-default.json')
    expect(paths).toContain('licenses/moby.txt')
    expect(paths.filter((path) => /^(test|src|examples|dist\/examples)\//.test(path))).toEqual([])
  })

  it('the package serves a request with the oldest peers and without install scripts', async () => {
    await expectServes('app.mjs')
  })

  it('a bundled app serves a request', async () => {
    const options = ['--platform', 'node', '--format', 'esm', '--external', 'dockerode']
    const rolldown = join(root, 'node_modules/.bin/rolldown')
    await promisify(execFile)(rolldown, ['app.mjs', '--file', 'bundle.mjs', ...options], {
      cwd: folder,
    })
    expect(await readFile(join(folder, 'bundle.mjs'), 'utf8')).not.toMatch(
      /^import .*hono-sandbox/m,
    )
    await expectServes('bundle.mjs')
  })

  it('the package has the command hono-sandbox', async () => {
    const bin = join(folder, 'node_modules/.bin/hono-sandbox')
    const { stdout: help } = await promisify(execFile)(bin, ['--help'])
    expect(help).toContain('setup')
  })
})

async function expectServes(file: string): Promise<void> {
  const server = new ServerProcess(process.execPath, [file], { cwd: folder })
  try {
    await server.started()
    const run = (body: string, signal?: AbortSignal) =>
      fetch(`${server.url}/run`, { method: 'POST', body, signal: signal ?? null })
    const leased = async () => (await fetch(`${server.url}/leased`)).json()
    expect(await (await run('print(6 * 7)')).json()).toMatchObject({ stdout: '42\n', exitCode: 0 })
    await until('the response ends the lease', async () => (await leased()) === 0)

    const client = new AbortController()
    const aborted = run('import time; time.sleep(60)', client.signal).catch(() => undefined)
    await until('the program runs', async () => (await leased()) === 1)
    client.abort()
    await aborted
    await until('the disconnect ends the lease', async () => (await leased()) === 0)
    expect(await server.end('SIGTERM')).toBe(0)
  } finally {
    await server.end('SIGKILL')
  }
}
