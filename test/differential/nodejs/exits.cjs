// === exit-with-a-number
console.log('before')
process.exit(3)

// === exit-code-property
process.exitCode = 4
console.log('goes on')

// === exit-code-property-and-an-error
process.exitCode = 4
throw new Error('bad')

// === exit-code-that-is-invalid
process.exitCode = 'five'

// === exit-code-over-255
process.exit(256 + 7)

// === exit-code-negative
process.exit(-1)

// === exit-listeners
process.on('exit', (code) => console.log('first', code, process.exitCode))
process.on('exit', () => console.log('second'))
process.once('exit', () => console.log('once'))
process.exit(2)

// === exit-listener-that-changes-the-code
process.on('exit', () => (process.exitCode = 9))

// === exit-listener-that-throws
process.on('exit', () => {
  throw new Error('in the listener')
})
process.on('exit', () => console.log('second'))

// === exit-listener-that-exits
process.on('exit', (code) => process.exit(code + 1))
process.on('exit', () => console.log('second'))
process.exit(4)

// === exit-listener-that-waits
process.on('exit', () => {
  setTimeout(() => console.log('never'), 0)
  Promise.resolve().then(() => console.log('never either'))
  process.nextTick(() => console.log('nor this'))
})

// === exit-before-exit
let rounds = 0
process.on('beforeExit', (code) => {
  console.log('beforeExit', code, rounds)
  if (rounds++ < 2) setTimeout(() => {}, 1)
})

// === exit-before-exit-that-throws
process.on('beforeExit', () => {
  throw new RangeError('before the exit')
})

// === exit-in-the-middle-of-timers
setTimeout(() => console.log('never'), 50)
setTimeout(() => process.exit(), 1)
process.exitCode = 6

// === exit-by-abort
console.log('before')
require('node:fs').closeSync(2) // the report of the abort has addresses
process.abort()

// === exit-by-really-exit
process.on('exit', () => console.log('never'))
process.reallyExit(7)

// === exit-by-a-signal
console.log('before')
process.kill(process.pid, 'SIGTERM')
setInterval(() => {}, 1000)

// === exit-by-an-interrupt
process.on('exit', () => console.log('never'))
process.kill(process.pid, 'SIGINT')
setInterval(() => {}, 1000)

// === exit-by-a-kill
process.kill(process.pid, 'SIGKILL')

// === exit-listeners-at-the-start
for (const name of process.eventNames()) console.log(name, process.listenerCount(name))
console.log(process.getMaxListeners(), process.exitCode)

// === exit-with-an-open-handle-unreferenced
setInterval(() => {}, 1000).unref()
require('node:net').createServer().listen(0).unref()
console.log('ends')

// === exit-with-finalization
const registry = new FinalizationRegistry(() => console.log('finalized'))
registry.register({}, 1)
console.log('registered')

// === signal-handled
process.on('SIGTERM', (name, number) => {
  console.log(name, number)
  clearInterval(timer)
})
const timer = setInterval(() => {}, 1000)
process.kill(process.pid, 'SIGTERM')

// === signal-interrupt-handled
process.once('SIGINT', () => {
  console.log('interrupted')
  process.exit(130)
})
process.kill(process.pid, 'SIGINT')
setTimeout(() => {}, 1000)

// === fatal-out-of-range-string
'x'.repeat(2 ** 30)
