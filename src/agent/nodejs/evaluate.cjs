// Evaluates code in the REPL mode of V8: names can be declared again, `await` works at the top
// level, and the last expression has a value. Runs in the processes that run programs.

const { SyntaxError } = require('./globals.cjs')
const { callInterruptibly } = require('./interrupts.cjs')

/**
 * The promises of the code that is being evaluated. V8 ends the process if it collects such a
 * promise, and it could collect the promise of code that waits for ever.
 */
const unsettled = new Set()
let promiseHooks
let session

/** Loads modules, because few programs need them, and before the code can hook the loader. */
function connect() {
  promiseHooks = require('node:v8').promiseHooks
  session = new (require('node:inspector').Session)()
  session.connect()
}

/**
 * The value of the last expression. An error of the code is thrown, and an interrupt. `check` is called
 * just before the code, when a signal ends it already. What it throws is thrown.
 */
async function evaluate(code, file, check) {
  const expression = `${code}\n//# sourceURL=${file}`
  /** @type {Promise<object> | undefined} */
  let running
  let failure
  let stopHook = () => {}
  let isBegun = false
  const prepare = () => {
    check()
    stopHook = promiseHooks.onInit((promise) => {
      stopHook()
      running = promise // the first promise is that of the code
      unsettled.add(promise)
    })
  }
  const finish = () => {
    stopHook()
    isBegun = true
  }
  const takeAnswer = (_, answer) => {
    if (!isBegun) failure = answer?.exceptionDetails
  }
  const parameters = { expression, replMode: true }
  const begin = session.post.bind(session, 'Runtime.evaluate', parameters, takeAnswer)
  try {
    await callInterruptibly(prepare, begin, finish)
  } finally {
    finish() // also after an interrupt
  }
  if (failure) throw syntaxErrorOf(failure, file)
  try {
    const { '.repl_result': value } = await running
    return { value } // in an object, because `await` would wait for a promise
  } finally {
    unsettled.delete(running)
  }
}

/** An error that only the parser of the REPL mode finds. */
function syntaxErrorOf({ lineNumber, exception }, file) {
  const [, message] = /^SyntaxError: (.*)/.exec(exception.description) ?? []
  const error = new SyntaxError(message)
  error.stack = `${file}:${lineNumber + 1}\n\nSyntaxError: ${message}`
  return error
}

module.exports = { connect, evaluate }
