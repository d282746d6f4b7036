// === import-live-bindings
import { writeFileSync } from 'node:fs'

writeFileSync('live.mjs', 'export let counter = 0\nexport const inc = () => counter++\n')
const live = await import('./live.mjs')
live.inc()
live.inc()
console.log(live.counter, live)

// === import-live-bindings-of-a-data-url
import { counter, inc } from 'data:text/javascript,export let counter = 0; export const inc = () => counter++'

inc()
inc()
console.log(counter)

// === import-live-default
import counter, { inc } from 'data:text/javascript,let counter = 0; export { counter as default }; export const inc = () => counter++'

inc()
console.log(counter)

// === import-renamed-and-shadowed
import { sep as separator, default as path } from 'node:path'

function shadow(separator) {
  return { separator, path: 1 }
}
console.log(separator, path.sep, shadow('own'))

// === import-binding-is-called-without-this
import { self } from 'data:text/javascript,export function self() { return this }'

console.log(self())

// === import-of-a-namespace
import * as path from 'node:path'

console.log(typeof path.default, Object.prototype.toString.call(path), 'sep' in path, Object.isFrozen(path))
try {
  path.sep = 1
} catch (error) {
  console.log(error.message)
}

// === import-hoisted
console.log(typeof readFileSync)
import { readFileSync } from 'node:fs'

// === import-order-of-effects
console.log('main')
import 'data:text/javascript,console.log("first")'
import 'data:text/javascript,console.log("second")'

// === import-of-the-same-module-twice
import 'data:text/javascript,console.log("once")'
import * as again from 'data:text/javascript,console.log("once")'

console.log(again)

// === import-dynamic
const name = 'node:os'
const os = await import(name)
console.log(os.EOL === '\n', os.default.EOL === os.EOL)

// === import-dynamic-in-a-function-and-a-then
const load = () => import('node:path').then(({ sep }) => sep)
console.log(await load(), await Promise.all([load(), load()]))

// === import-of-json
import { writeFileSync } from 'node:fs'

writeFileSync('data.json', '{"a": [1, 2]}')
const { default: data } = await import('./data.json', { with: { type: 'json' } })
console.log(data)

// === import-of-json-without-an-attribute
import { writeFileSync } from 'node:fs'

writeFileSync('data.json', '{}')
await import('./data.json')

// === import-of-commonjs
import { writeFileSync } from 'node:fs'

writeFileSync('common.cjs', 'exports.a = 1\nmodule.exports.b = __filename\n')
const common = await import('./common.cjs')
console.log(common.default.a, common.a, common.b)

// === import-by-create-require
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
console.log(require('node:path').sep, require.resolve('node:fs'), typeof require.main)

// === import-meta
console.log(import.meta.url, import.meta.filename, import.meta.dirname, Object.keys(import.meta))
console.log(import.meta.resolve('./x.mjs'), import.meta.main)

// === import-is-main
import { fileURLToPath } from 'node:url'

console.log(process.argv[1] === fileURLToPath(import.meta.url))
if (process.argv[1] === import.meta.filename) console.log('main')

// === import-of-the-main-module
export const value = 5
const self = await import(import.meta.url)
console.log(self.value)

// === import-of-the-main-module-from-a-helper
import { writeFileSync } from 'node:fs'

export let counter = 1
counter = 2
writeFileSync('helper.mjs', 'export const load = (url) => import(url)\n')
const { load } = await import('./helper.mjs')
console.log((await load(import.meta.url)).counter)

// === import-of-a-cycle
import { writeFileSync } from 'node:fs'

writeFileSync('a.mjs', 'import { b } from "./b.mjs"\nexport const a = "a"\nexport const both = () => a + b\n')
writeFileSync('b.mjs', 'import { a } from "./a.mjs"\nexport const b = "b"\nexport const early = () => a\n')
const { both } = await import('./a.mjs')
console.log(both())

// === import-of-a-package-by-its-name
import { mkdirSync, writeFileSync } from 'node:fs'

mkdirSync('node_modules/package', { recursive: true })
writeFileSync('node_modules/package/package.json', '{"type": "module", "exports": {".": "./index.js", "./sub": "./sub.js"}}')
writeFileSync('node_modules/package/index.js', 'export default "index"')
writeFileSync('node_modules/package/sub.js', 'export const sub = import.meta.url')
console.log((await import('package')).default, (await import('package/sub')).sub)
await import('package/hidden')

// === import-of-wasm-bytes
const bytes = Uint8Array.from([0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100, 0, 0, 10, 9, 1, 7, 0, 32, 0, 32, 1, 106, 11])
const { instance } = await WebAssembly.instantiate(bytes)
console.log(instance.exports.add(2, 3))

// === module-this-and-arguments
console.log(this, typeof arguments, typeof require, typeof module)

// === module-top-level-names-are-not-global
var one = 1
let two = 2
function three() {}
console.log('one' in globalThis, 'three' in globalThis, two)

// === module-is-strict
console.log((function () { return this })())
try {
  Object.freeze({}).x = 1
} catch (error) {
  console.log(error.message)
}

// === module-top-level-await-order
setTimeout(() => console.log('timer'), 0)
queueMicrotask(() => console.log('microtask'))
process.nextTick(() => console.log('tick'))
console.log('one')
await null
console.log('two')
await new Promise((resolve) => setTimeout(resolve, 2))
console.log('three')

// === module-using
{
  using resource = { [Symbol.dispose]: () => console.log('disposed') }
  console.log('inside', typeof resource)
}

// === module-reads-itself
import { readFileSync } from 'node:fs'

console.log(readFileSync(new URL(import.meta.url), 'utf8'))

// === module-arguments {"args":["one","two words","--flag","ä"]}
console.log(process.argv.slice(2), process.argv[0] === process.execPath, process.execArgv)

// === module-reads-stdin {"stdin":"one\ntwo"}
import { createInterface } from 'node:readline/promises'

const lines = createInterface({ input: process.stdin })
for await (const line of lines) console.log(line)

// === module-reads-stdin-by-chunks {"stdin":"äöü"}
const chunks = []
for await (const chunk of process.stdin) chunks.push(chunk)
console.log(Buffer.concat(chunks).toString())

// === module-asks-a-question {"stdin":"Ada\n"}
import { createInterface } from 'node:readline/promises'

const lines = createInterface({ input: process.stdin, output: process.stdout })
console.log(`Hello, ${await lines.question('name? ')}`)
lines.close()

// === module-worker
import { Worker, isMainThread, parentPort } from 'node:worker_threads'
import { fileURLToPath } from 'node:url'

if (isMainThread) {
  const worker = new Worker(fileURLToPath(import.meta.url))
  worker.on('message', (message) => console.log(message))
  worker.on('exit', (code) => console.log('worker', code))
} else parentPort.postMessage('from the worker')

// === module-worker-by-url
import { Worker } from 'node:worker_threads'
import { writeFileSync } from 'node:fs'

writeFileSync('worker.mjs', 'import { parentPort, workerData } from "node:worker_threads"\nparentPort.postMessage(workerData * 2)\n')
const worker = new Worker(new URL('./worker.mjs', import.meta.url), { workerData: 21 })
worker.on('message', console.log)

// === module-fork-of-itself {"args":["parent"]}
import { fork } from 'node:child_process'

if (process.argv[2] === 'parent') {
  const child = fork(import.meta.filename, ['child'])
  child.on('message', (message) => console.log('parent got', message))
  child.on('exit', (code) => console.log('child exits with', code))
} else {
  process.send({ from: 'child' }, () => process.exit(3))
}

// === module-register-hooks
import { registerHooks } from 'node:module'

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === 'virtual:x') return { url: 'virtual:x', format: 'module', shortCircuit: true }
    return next(specifier, context)
  },
  load(url, context, next) {
    if (url === 'virtual:x') return { format: 'module', source: 'export const x = 1', shortCircuit: true }
    return next(url, context)
  },
})
console.log((await import('virtual:x')).x)

// === module-test-runner
import { test } from 'node:test'
import { strict as assert } from 'node:assert'

test('adds', () => assert.equal(1 + 1, 3))
const { write } = process.stdout
process.stdout.write = () => true // the report has durations
process.on('exit', (code) => write.call(process.stdout, `exit ${code}\n`))
