// === module-error-uncaught
import { sep } from 'node:path'

function fail() {
  throw new TypeError(`bad ${sep}`)
}

fail()

// === module-error-after-await
await null
throw new RangeError('after await')

// === module-error-thrown-as-text
throw 'just text'

// === module-error-thrown-as-text-after-await
await null
throw { code: 5 }

// === module-error-of-a-rejection
await Promise.reject(new Error('awaited'))

// === module-error-rejection-unhandled
Promise.reject(new Error('not awaited'))
await new Promise((resolve) => setTimeout(resolve, 5))
console.log('never')

// === module-error-of-a-missing-export
import { nope } from 'node:fs'

console.log(nope)

// === module-error-of-a-missing-file
import './no-such-file.mjs'

// === module-error-of-a-missing-dynamic-import
try {
  await import('./no-such-file.mjs')
} catch (error) {
  console.log(error.code, error.message)
}
await import('no-such-package')

// === module-error-of-require
const fs = require('node:fs')

// === module-error-of-module
module.exports = 1

// === module-error-of-dirname
console.log(__dirname)

// === module-error-syntax
export const a = 1
let b = = 2

// === module-error-syntax-of-sloppy-mode
with ({}) {
}

// === module-error-undeclared
undeclared = 5

// === module-error-of-a-repeated-export
export const a = 1
export { a }

// === module-error-of-a-return
console.log('one')
return 5

// === module-error-of-an-import-late
console.log('one')
import { sep } from 'node:path'
console.log(sep)

// === module-error-of-an-assigned-import
import { sep } from 'node:path'

sep = 1

// === module-error-unsettled
console.log('before')
await new Promise(() => {})
console.log('never')

// === module-error-unsettled-with-an-exit-code
process.exitCode = 5
await new Promise(() => {})

// === module-error-unsettled-with-listeners
process.on('exit', (code) => console.log('exit', code))
process.on('beforeExit', (code) => console.log('beforeExit', code))
await new Promise(() => {})

// === module-error-unsettled-with-a-listener-that-exits
process.on('exit', () => process.exit(3))
await new Promise(() => {})

// === module-error-caught-by-a-listener
process.on('uncaughtException', (error, origin) => console.log(error.message, origin))
await null
throw new Error('x')

// === module-error-rejection-listener
process.on('unhandledRejection', (error) => console.log('rejected', error.message))
await null
throw new Error('x')

// === module-error-in-a-helper
import { writeFileSync } from 'node:fs'

writeFileSync('helper.mjs', 'export const half = (x) => {\n  return x.y.z\n}\n')
const { half } = await import('./helper.mjs')
half({})

// === module-error-while-a-helper-is-loaded
import { writeFileSync } from 'node:fs'

writeFileSync('helper.mjs', 'export const a = 1\nthrow new Error("in the helper")\n')
await import('./helper.mjs')

// === module-error-stack
function where() {
  return new Error('here').stack
}
console.log(where())

// === module-error-stack-after-await
async function inner() {
  await null
  return new Error('here').stack
}
console.log(await inner())

// === module-error-in-a-timer
import { setTimeout as sleep } from 'node:timers/promises'

await sleep(1)
setTimeout(() => {
  throw new Error('in a timer')
})
