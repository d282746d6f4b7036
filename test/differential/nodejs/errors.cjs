// === error-uncaught
function outer() {
  return inner()
}

function inner() {
  throw new TypeError('the message')
}

outer()

// === error-thrown-as-text
throw 'just text'

// === error-thrown-as-an-object
throw { code: 5, nested: { deep: [1, 2] } }

// === error-thrown-as-null
throw null

// === error-thrown-as-undefined
throw undefined

// === error-with-a-cause
throw new Error('outer', { cause: new TypeError('inner', { cause: 'the root' }) })

// === error-with-properties
const error = new Error('with properties')
error.code = 'E_CODE'
error.details = { list: [1] }
throw error

// === error-aggregate
throw new AggregateError([new Error('one'), new TypeError('two')], 'both')

// === error-of-a-subclass
class ValidationError extends Error {
  constructor(field) {
    super(`${field} is invalid`)
    this.field = field
  }
}
throw new ValidationError('age')

// === error-of-a-subclass-with-a-name
class NamedError extends Error {
  name = 'OtherName'
}
throw new NamedError('named')

// === error-with-a-changed-stack
const error = new Error('changed')
error.stack = 'my own stack'
throw error

// === error-without-a-stack
const error = new Error('no stack')
error.stack = undefined
throw error

// === error-in-a-timer
setTimeout(function tick() {
  null.property
}, 1)

// === error-in-a-tick-and-a-microtask
process.nextTick(() => {
  throw new Error('in a tick')
})
Promise.resolve().then(() => console.log('microtask'))

// === error-in-an-event
const { EventEmitter } = require('node:events')
new EventEmitter().emit('error', new Error('unhandled event'))

// === error-in-an-event-that-is-no-error
const { EventEmitter } = require('node:events')
new EventEmitter().emit('error', { code: 1 })

// === error-in-an-event-listener
const { EventEmitter } = require('node:events')
const emitter = new EventEmitter()
emitter.on('tick', function onTick() {
  throw new Error('in a listener')
})
emitter.emit('tick')

// === error-in-a-getter-of-a-module
require('./no-such-file')

// === error-of-a-built-in
require('node:no-such-module')

// === error-of-the-file-system
require('node:fs').readFileSync('/no/such/file')

// === error-of-recursion
let depth = 0
function descend() {
  depth++
  descend()
}
try {
  descend()
} catch (error) {
  console.log(error instanceof RangeError, error.message, depth > 5000)
}

// === error-of-recursion-uncaught
Error.stackTraceLimit = 2
function descend() {
  descend()
}
descend()

// === error-of-an-assertion
require('node:assert').deepStrictEqual({ a: 1, b: [1, 2] }, { a: 1, b: [1, 3] })

// === error-rejection
Promise.reject(new Error('rejected'))

// === error-rejection-with-text
Promise.reject('only text')

// === error-rejection-with-undefined
Promise.reject()

// === error-rejection-in-an-async-function
async function work() {
  await null
  throw new RangeError('in async')
}
work()

// === error-rejection-handled-late
const promise = Promise.reject(new Error('late'))
setTimeout(() => promise.catch(() => console.log('caught')), 1)

// === error-rejection-handled-in-time
const promise = Promise.reject(new Error('in time'))
process.nextTick(() => promise.catch((error) => console.log('caught', error.message)))

// === error-rejection-listener
process.on('unhandledRejection', (reason, promise) => {
  console.log('listener', reason.message, promise instanceof Promise)
})
process.on('rejectionHandled', () => console.log('handled'))
const promise = Promise.reject(new Error('x'))
setTimeout(() => promise.catch(() => {}), 5)

// === error-uncaught-listener
process.on('uncaughtException', (error, origin) => {
  console.log('listener', error.message, origin)
})
setTimeout(() => console.log('goes on'), 1)
throw new Error('x')

// === error-uncaught-listener-for-a-rejection
process.on('uncaughtException', (error, origin) => console.log(error.message, origin))
Promise.reject(new Error('x'))

// === error-uncaught-listener-that-throws
process.on('uncaughtException', () => {
  throw new Error('in the listener')
})
throw new Error('x')

// === error-uncaught-monitor
process.on('uncaughtExceptionMonitor', (error, origin) => console.log(error.message, origin))
throw new Error('x')

// === error-uncaught-capture
process.setUncaughtExceptionCaptureCallback((error) => console.log('captured', error.message))
setTimeout(() => {
  throw new Error('x')
})

// === error-uncaught-and-exit-listeners
process.on('exit', (code) => console.log('exit', code, process.exitCode))
throw new Error('x')

// === error-in-a-domain
const domain = require('node:domain').create()
domain.on('error', (error) => console.log('domain', error.message))
domain.run(() => setTimeout(() => { throw new Error('x') }))

// === error-stack-of-the-program
function where() {
  return new Error('here').stack
}
console.log(where())

// === error-stack-captured
const holder = {}
function outer() {
  inner()
}
function inner() {
  Error.captureStackTrace(holder, inner)
}
outer()
console.log(holder.stack)

// === error-stack-of-a-callback
;[1].forEach(function each() {
  console.log(new Error('in a callback').stack)
})

// === error-stack-limit
Error.stackTraceLimit = 1
function inner() {
  return new Error('short')
}
console.log(inner().stack)

// === error-stack-prepared
Error.prepareStackTrace = (error, sites) =>
  sites
    .filter((site) => !site.getFileName()?.startsWith('node:'))
    .map((site) => `${site.getFunctionName()}:${site.getLineNumber()}:${site.isToplevel()}`)
function inner() {
  return new Error('x').stack
}
console.log(inner())

// === error-stack-of-call-sites
const util = require('node:util')
function inner() {
  return util.getCallSites().filter(({ scriptName }) => !scriptName.startsWith('node:'))
}
console.log(inner().map(({ functionName, lineNumber }) => [functionName, lineNumber]))

// === error-stack-of-async-frames
async function outer() {
  await inner()
}
async function inner() {
  await null
  console.log(new Error('async').stack)
}
outer()

// === error-shown-by-console
console.log(new Error('shown', { cause: 5 }))
console.error(new TypeError('on stderr'))

// === error-shown-by-trace
function work() {
  console.trace('traced', 5)
}
work()

// === error-warning
process.emitWarning('careful', { code: 'W1', detail: 'a detail' })
process.emitWarning('old', 'DeprecationWarning', 'DEP_X')
process.on('warning', (warning) => console.log(warning.name, warning.message))

// === error-warning-of-listeners
const { EventEmitter } = require('node:events')
const emitter = new EventEmitter()
for (let number = 0; number < 11; number++) emitter.on('tick', () => {})

// === error-deprecation
const util = require('node:util')
util.deprecate(() => console.log('old'), 'use another', 'DEP1')()
Buffer(1)

// === error-syntax
console.log('never')
let x = 1
let x = 2

// === error-syntax-of-an-open-string
const text = 'never closed
console.log(text)

// === error-syntax-of-await
function f() {
  await null
}

// === error-syntax-in-eval
eval('let a = ;')

// === error-syntax-in-a-helper
require('node:fs').writeFileSync('helper.cjs', 'module.exports = {\n  a: 1\n  b: 2\n}\n')
require('./helper.cjs')

// === error-in-a-helper
require('node:fs').writeFileSync('helper.cjs', 'exports.half = (x) => {\n  return x.y.z\n}\n')
require('./helper.cjs').half({})

// === error-in-a-function-constructor
new Function('throw new Error("in a constructor")')()

// === error-in-a-vm
const vm = require('node:vm')
vm.runInNewContext('throw new Error("in a vm")', {}, 'script.vm')

// === error-on-a-long-line
const values = { list: [1, 2, 3] }; const total = values.list[0] + values.list[1] + values.list[2] + values.other.length + values.list[0] + 12345678901234567890n

// === error-on-a-line-with-wide-characters
const größe = '日本語'; größe.missing.property

// === error-stack-depth
Error.stackTraceLimit = 50
console.log(new Error('all frames').stack.split('\n').length)
