import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as v from 'valibot'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ServerProcess } from '../helpers/server.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const npm = (args: string[], cwd: string) => promisify(execFile)('npm', args, { cwd })
const Packed = v.array(
  v.object({ filename: v.string(), files: v.array(v.object({ path: v.string() })) }),
)
const Manifest = v.object({ devDependencies: v.record(v.string(), v.string()) })

const APP = `
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { closeSandboxes, initSandboxes } from 'hono-sandbox'
import { sandbox } from 'hono-sandbox/middleware'

await initSandboxes({ languages: { python: { size: 1 } } })
const app = new Hono()
app.post('/run', sandbox(), async (c) => c.json(await c.get('sandbox').runCode(await c.req.text())))
const server = serve({ fetch: app.fetch, port: 0 }, ({ port }) => console.log('http://localhost:' + port))
process.on('SIGTERM', () => closeSandboxes().then(() => process.exit(0)))
`

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hono-sandbox-pack-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

it('what is packed installs in an empty project and serves a request', async () => {
  const { stdout } = await npm(['pack', '--json', '--pack-destination', folder], root)
  const [packed] = v.parse(Packed, JSON.parse(stdout.slice(stdout.indexOf('['))))
  const paths = packed?.files.map(({ path }) => path) ?? []
  expect(paths).toContain('dist/src/agent/python/agent.py')
  expect(paths).toContain('dist/src/agent/nodejs/runner.cjs')
  expect(paths.filter((path) => /^(test|src|examples|dist\/examples)\//.test(path))).toEqual([])

  const { devDependencies } = v.parse(
    Manifest,
    JSON.parse(await readFile(join(root, 'package.json'), 'utf8')),
  )
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  await writeFile(join(folder, 'app.mjs'), APP)
  const peers = ['hono', '@hono/node-server'].map((name) => `${name}@${devDependencies[name]}`)
  await npm(
    ['install', '--no-audit', '--no-fund', join(folder, packed?.filename ?? ''), ...peers],
    folder,
  )

  const server = new ServerProcess(process.execPath, ['app.mjs'], { cwd: folder })
  await server.started()
  const answer = await fetch(`${server.url}/run`, { method: 'POST', body: 'print(6 * 7)' })
  expect(await answer.json()).toMatchObject({ stdout: '42\n', exitCode: 0 })
  expect(await server.end('SIGTERM')).toBe(0)

  const bin = join(folder, 'node_modules/.bin/hono-sandbox')
  const { stdout: help } = await promisify(execFile)(bin, ['--help'])
  expect(help).toContain('setup')
})
