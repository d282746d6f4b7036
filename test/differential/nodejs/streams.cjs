// === stdout-in-one-large-write
process.stdout.write('x'.repeat(900_000), () => console.error('written'))

// === stdout-and-stderr-in-turns
for (let number = 0; number < 500; number++) {
  console.log('out', number)
  console.error('err', number)
}

// === stdout-of-bytes
process.stdout.write(Buffer.from([0, 1, 127, 128, 255, 10]))

// === stdout-of-surrogates
console.log('before \ud800 after', '日本語 🎉', '\x1b[31mred\x1b[0m')

// === stdout-callbacks-and-order
process.stdout.write('one\n', () => console.log('callback'))
console.log('two')
require('node:fs').writeSync(1, 'three\n')

// === stdout-end
process.stdout.end('the end\n')
process.stdout.on('error', (error) => console.error(error.code))
process.stdout.write('after')

// === stdout-replaced
const written = []
const { write } = process.stdout
process.stdout.write = (text) => written.push(text)
console.log('caught')
process.stdout.write = write
console.log(written)

// === stdout-piped
const { Readable } = require('node:stream')
Readable.from(['a\n', 'b\n']).pipe(process.stdout)

// === stdout-destroyed
process.stdout.destroy()
console.log('unseen')
console.error('seen')

// === stdout-drain
console.error(process.stdout.write('x'.repeat(900_000)))
process.stdout.on('drain', () => console.error('drained'))

// === stdin-unread {"stdin":"never read"}
console.log('ends')

// === stdin-by-events {"stdin":"one\ntwo\n"}
process.stdin.setEncoding('utf8')
process.stdin.on('data', (text) => console.log(JSON.stringify(text)))
process.stdin.on('end', () => console.log('end'))

// === stdin-by-readable {"stdin":"abc"}
process.stdin.on('readable', () => {
  let chunk
  while ((chunk = process.stdin.read()) !== null) console.log(String(chunk))
})

// === stdin-by-readline {"stdin":"1 2\n3 4"}
const lines = require('node:readline').createInterface({ input: process.stdin })
lines.on('line', (line) => console.log(line.split(' ').map(Number)))
lines.on('close', () => console.log('closed'))

// === stdin-is-empty
process.stdin.on('data', () => console.log('data')).on('end', () => console.log('end')).on('close', () => console.log('close'))

// === stdin-paused-and-unreferenced {"stdin":"text"}
process.stdin.on('data', () => {})
process.stdin.pause()
process.stdin.unref?.()
console.log('ends')

// === stdin-piped-to-stdout {"stdin":"through\n"}
process.stdin.pipe(process.stdout)

// === stdin-as-a-web-stream {"stdin":"web"}
const { Readable } = require('node:stream')
Readable.toWeb(process.stdin).getReader().read().then(({ value }) => console.log(Buffer.from(value).toString()))

// === source-with-windows-line-ends {"newline":"\r\n"}
const text = `one
two`
console.log(JSON.stringify(text))
throw new Error('bad')

// === console-formats
console.log('%s is %d years and %i, %f, %j %o %O %% %c', 'Ada', 36.5, 36.5, '1.5', { a: 1 }, [1], { b: 2 }, 'css', 'rest')
console.log(-0, [undefined, , null], 5n, Symbol('s'), () => {}, class A {}, new Map([[1, { a: 2 }]]), new Set('ab'))

// === console-inspects-deeply
console.log({ a: { b: { c: { d: 1 } } }, list: Array.from({ length: 120 }, (_, n) => n), text: 'x'.repeat(20) })
const cycle = { name: 'cycle' }
cycle.self = cycle
console.log(cycle, new Proxy({ p: 1 }, {}), Object.create(null), new (class Named { x = 1 })())

// === console-groups-and-counts
console.group('group')
console.log('inside\ntwo lines')
console.group()
console.warn('deeper')
console.groupEnd()
console.groupEnd()
console.count()
console.count('label')
console.countReset('label')
console.count('label')

// === console-table
console.table([{ a: 1, b: 'x' }, { a: 2, c: true }])
console.table([[1, 2], [3, 4]], ['1'])
console.table('no table')

// === console-assert-and-dir
console.assert(1 === 2, 'not %s', 'equal')
console.assert(true, 'silent')
console.dir({ a: { b: { c: {} } } }, { depth: 0 })
console.dirxml([1], { x: 2 })

// === console-of-its-own
const { Console } = require('node:console')
const own = new Console({ stdout: process.stdout, stderr: process.stderr, groupIndentation: 4 })
own.group('own')
own.log('indented')
console.log(Object.keys(console).join(' '))

// === console-inspect-custom
const util = require('node:util')
class Money {
  [util.inspect.custom](depth, options, inspect) {
    return `Money<${inspect({ depth: typeof depth })}>`
  }
}
console.log(new Money(), [new Money()], util.format('%s', new Money()))
console.log(util.inspect(new Map([['k', [1]]]), { compact: false, colors: true, showHidden: true }))

// === timers-order
setTimeout(() => console.log('timeout 1'), 1)
setTimeout(() => console.log('timeout 0'), 0)
setImmediate(() => console.log('immediate'))
process.nextTick(() => console.log('tick'))
Promise.resolve().then(() => console.log('promise')).then(() => process.nextTick(() => console.log('tick after promise')))
queueMicrotask(() => console.log('microtask'))
console.log('code')
const end = Date.now() + 5
while (Date.now() < end);

// === timers-order-in-an-io-callback
require('node:fs').readFile(__filename, () => {
  setTimeout(() => console.log('timeout'), 0)
  setImmediate(() => console.log('immediate'))
  process.nextTick(() => console.log('tick'))
})

// === timers-objects
const timer = setTimeout(() => {}, 1)
console.log(timer.constructor.name, timer.hasRef(), timer.ref() === timer, typeof timer[Symbol.toPrimitive]())
clearTimeout(timer[Symbol.toPrimitive]())
const interval = setInterval(() => {
  console.log('tick')
  clearInterval(interval)
}, 1)

// === timers-promises
const { setTimeout: sleep, setImmediate: turn } = require('node:timers/promises')
sleep(1, 'value').then(console.log).then(() => turn('turn')).then(console.log)

// === async-local-storage
const { AsyncLocalStorage } = require('node:async_hooks')
const storage = new AsyncLocalStorage()
storage.run('stored', () => setTimeout(() => console.log(storage.getStore()), 1))
console.log(storage.getStore())

// === async-ids
const { executionAsyncId, triggerAsyncId } = require('node:async_hooks')
console.log(executionAsyncId(), triggerAsyncId())

// === async-hooks
const hooks = require('node:async_hooks')
const types = []
hooks.createHook({ init: (_, type) => types.push(type) }).enable()
setTimeout(() => require('node:fs').writeSync(1, types.join(' ') + '\n'), 1)

// === structured-clone
const original = { date: new Date(0), map: new Map([[1, new Set([2])]]), error: new RangeError('x'), bytes: new Uint8Array(2) }
original.self = original
console.log(structuredClone(original))
structuredClone(() => {})

// === structured-clone-transfer
const buffer = new ArrayBuffer(8)
const moved = structuredClone(buffer, { transfer: [buffer] })
console.log(buffer.detached, moved.byteLength)
const { port1, port2 } = new MessageChannel()
port2.on('message', (message) => {
  console.log(message)
  port2.close()
})
port1.postMessage({ moved })

// === identity-of-built-ins
const vm = require('node:vm')
console.log([] instanceof Array, require('node:fs').readFileSync(__filename) instanceof Uint8Array, JSON.parse('[]') instanceof Array)
console.log(vm.runInThisContext('[]') instanceof Array, vm.runInNewContext('[]') instanceof Array)
console.log(Object.getPrototypeOf(async () => {}).constructor === (async () => {}).constructor, structuredClone([]) instanceof Array)

// === identity-of-errors
try {
  null.x
} catch (error) {
  console.log(error instanceof TypeError, error.constructor === TypeError, Object.prototype.toString.call(error))
}
require('node:fs').promises.readFile('/missing').catch((error) => console.log(error instanceof Error))

// === vm-contexts
const vm = require('node:vm')
const context = vm.createContext({ x: 1, console })
vm.runInContext('x += 1; console.log(typeof require, x)', context)
console.log(context.x, new vm.Script('1 + 1', { filename: 'a.js' }).runInThisContext())
vm.runInThisContext('import("node:fs")', { filename: 'b.js' }).catch((error) => console.log(error.code))

// === vm-interrupted-by-a-timeout
require('node:vm').runInNewContext('for (;;);', {}, { timeout: 20 })

// === vm-source-text-of-functions
function sample(a, b = 2) { /* comment */ return a + b }
console.log(sample.toString(), sample.name, sample.length, (() => 1).toString())

// === repl-of-the-program {"stdin":"1 + 1\n.exit\n"}
const server = require('node:repl').start({ prompt: '> ', input: process.stdin, output: process.stdout })
server.on('exit', () => console.log('exit'))

// === heap-is-limited
const limit = require('node:v8').getHeapStatistics().heap_size_limit
console.log(limit > 64 * 1024 * 1024)

// === web-apis
console.log(['fetch', 'WebSocket', 'CustomEvent', 'navigator', 'localStorage', 'sessionStorage', 'EventSource', 'Storage', 'crypto', 'File', 'Blob'].map((name) => `${name} ${name in globalThis}`).join(', '))
console.log(new URL('/x', 'http://a').href, btoa('x'), new TextEncoder().encode('ä'), crypto.randomUUID().length, navigator.userAgent)

// === events-of-targets
const target = new EventTarget()
target.addEventListener('tick', () => {
  throw new Error('in an event target')
})
target.dispatchEvent(new Event('tick'))
console.log('after')

// === abort-signals
AbortSignal.timeout(1).addEventListener('abort', (event) => console.log(event.target.reason.name))
setTimeout(() => {}, 10)
AbortSignal.abort().throwIfAborted()

// === source-maps
require('node:fs').writeFileSync('a.js', 'throw new Error("mapped")\n//# sourceMappingURL=data:application/json,{"version":3,"sources":["a.ts"],"mappings":"AAAA"}')
process.setSourceMapsEnabled(true)
require('./a.js')

// === exports-are-ignored
module.exports = { a: 1 }
exports.b = 2
