// Reports and prints the errors and other values that a program throws. Runs in the processes that
// run programs.

const util = require('node:util')
const { attempt } = require('./attempt.cjs')
const { RECORD } = require('./child-protocol.cjs')
const { Object, process } = require('./globals.cjs')
const { sendMessage } = require('./messages.cjs')
const { shorten } = require('./shorten.cjs')

/** The text for a value that throws when it is looked at. */
const UNREADABLE = '[it cannot be shown]'
const OUR_FRAMES = /\n +at .*node:sandbox.*/g
/** The frames that called the first frame of the program. */
const CALLING_FRAMES = /(?:\n +at (?:new Promise \(<anonymous>\)|(?:.*[( ])?node:.*))+$/
const TRACEBACK_END = 30000

/** Leaves only the frames of the program in a stack trace, also in the trace that Node prints. */
function trimStack(error) {
  if (!util.types.isNativeError(error) || typeof error.stack !== 'string') return
  const stack = error.stack.replace(OUR_FRAMES, '').replace(CALLING_FRAMES, '')
  if (stack !== error.stack) attempt(() => (error.stack = stack))
}

/** Sends a record of a thrown value. */
function reportThrown(thrown) {
  const unreadable = { name: typeof thrown, message: UNREADABLE, traceback: UNREADABLE }
  sendMessage(RECORD, { type: 'error', ...(attempt(() => describe(thrown)) ?? unreadable) })
}

function describe(thrown) {
  trimStack(thrown)
  const isError = util.types.isNativeError(thrown) || thrown instanceof Error
  const type = Object(thrown) === thrown ? thrown.constructor?.name : typeof thrown
  const text = isError ? undefined : util.inspect(thrown)
  const strings = {
    name: isError ? thrown.name : (type ?? 'object'),
    message: text ?? thrown.message,
    traceback: text ?? thrown.stack,
  }
  const entries = Object.entries(strings).map(([name, each]) => [
    name,
    shorten(`${each}`, TRACEBACK_END),
  ])
  return Object.fromEntries(entries)
}

/** Prints a thrown value on stderr, as Node does. */
function printThrown(thrown) {
  const isError = util.types.isNativeError(thrown)
  const text = attempt(() => {
    trimStack(thrown)
    const shown = util.inspect(thrown)
    return isError && shown === `[${thrown.stack}]` ? thrown.stack : shown
  })
  process.stderr.write(`${isError ? '' : 'Uncaught '}${text ?? UNREADABLE}\n`)
}

function reportAndPrint(thrown) {
  reportThrown(thrown)
  printThrown(thrown)
}

module.exports = { UNREADABLE, printThrown, reportAndPrint, reportThrown, trimStack }
