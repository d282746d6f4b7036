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

/** A stack trace without the frames of the agent and of the functions of Node that called the program. */
const trimTrace = (trace) => trace.replace(OUR_FRAMES, '').replace(CALLING_FRAMES, '')

/** What an action returns while the stack trace of a value, if this is an error, is trimmed. */
function withTrimmedStack(value, action) {
  const stack = util.types.isNativeError(value) ? attempt(() => value.stack) : undefined
  if (typeof stack !== 'string' || trimTrace(stack) === stack) return action()
  attempt(() => (value.stack = trimTrace(stack)))
  try {
    return action()
  } finally {
    attempt(() => (value.stack = stack))
  }
}

/** Sends a record of a thrown value. */
function reportThrown(thrown) {
  const unreadable = { name: typeof thrown, message: UNREADABLE, traceback: UNREADABLE }
  sendMessage(RECORD, { type: 'error', ...(attempt(() => describe(thrown)) ?? unreadable) })
}

function describe(thrown) {
  const isError = util.types.isNativeError(thrown) || thrown instanceof Error
  const type = Object(thrown) === thrown ? thrown.constructor?.name : typeof thrown
  const text = isError ? undefined : util.inspect(thrown)
  const strings = {
    name: isError ? thrown.name : (type ?? 'object'),
    message: text ?? thrown.message,
    traceback: text ?? trimTrace(`${thrown.stack}`),
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
    const shown = withTrimmedStack(thrown, () => util.inspect(thrown))
    const stack = isError ? trimTrace(thrown.stack) : ''
    // An error without frames is shown in brackets.
    return isError && shown.startsWith(`[${stack}]`) ? stack + shown.slice(stack.length + 2) : shown
  })
  process.stderr.write(`${isError ? '' : 'Uncaught '}${text ?? UNREADABLE}\n`)
}

function reportAndPrint(thrown) {
  reportThrown(thrown)
  printThrown(thrown)
}

module.exports = { UNREADABLE, printThrown, reportAndPrint, reportThrown, withTrimmedStack }
