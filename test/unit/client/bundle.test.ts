import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createContext, runInContext } from 'node:vm'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { compile } from '../../helpers/build.js'
import { bundleOf } from '../../helpers/bundle.js'
import { root } from '../../helpers/docs.js'

/** The globals that browsers, Node, Bun, Deno and workers have. */
const GLOBALS = {
  AbortController,
  DOMException,
  Headers,
  Response,
  TextDecoder,
  TextEncoder,
  setTimeout,
  clearTimeout,
}
const BROWSER = {
  target: 'ES2022',
  module: 'ESNext',
  moduleResolution: 'Bundler',
  lib: ['ES2022', 'DOM'],
}

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'hono-sandbox-client-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

it.each([
  ['readEvents()', 3500, '{ readEvents }'],
  ['runStream()', 4500, '{ runStream }'],
  ['runSocket()', 5000, '{ runSocket }'],
  ['the whole client', 7800, '*'],
])('%s has less than %i bytes', async (_, maxBytes, exports) => {
  expect(Buffer.byteLength(await bundleOf(exports))).toBeLessThan(maxBytes)
})

it('the client runs with the globals of a browser alone', async () => {
  const context = createContext({ ...GLOBALS })
  runInContext(await bundleOf('*'), context)
  const program = `(async () => {
    const lines = '{"type":"stdout","data":"1"}\\n{"type":"exit","exitCode":3}\\n'
    const headers = { 'content-type': 'application/x-ndjson' }
    const run = await client.runStream(() => new Response(lines, { headers }))
    return (await run.exit()).exitCode
  })()`
  expect(await runInContext(program, context)).toBe(3)
})

it('the types of the client need no types of Node', async () => {
  const program = `import { runSocket, runStream } from 'hono-sandbox/client'
  const connect = (url: string) => new WebSocket(url)
  await runSocket('/talk', {}, { connect }).write('x')
  const run = await runStream('/run', { method: 'POST', body: 'x' })
  for await (const event of run) if (event.type === 'exit') console.log(event.exitCode)
  document.title = String((await run.exit()).killedBy)`
  await writeFile(path.join(folder, 'page.ts'), program)
  const paths = { 'hono-sandbox/client': [path.join(root, 'dist/src/client/index.d.ts')] }
  const compilerOptions = { ...BROWSER, types: [], strict: true, noEmit: true, paths }
  const config = path.join(folder, 'tsconfig.json')
  await writeFile(config, JSON.stringify({ compilerOptions, files: ['page.ts'] }))
  expect(await compile(['-p', config])).toBe('')
})
