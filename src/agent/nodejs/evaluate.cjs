// Evaluates code in the REPL mode of V8: names can be declared again, `await` works at the top
// level, and the last expression has a value. Runs in the processes that run programs.

const { SyntaxError } = require('./globals.cjs')

/**
 * The promises of the code that is being evaluated. V8 ends the process if it collects such a
 * promise, and it could collect the promise of code that waits for ever.
 */
const unsettled = new Set()
let session

/** `node:inspector` is loaded here, because few runs need it and it takes long to load. */
function connect() {
  if (session) return
  session = new (require('node:inspector').Session)()
  session.connect()
}

/** The value of the last expression. An error of the code is thrown. `start` calls its argument. */
async function evaluate(code, file, start = (begin) => begin()) {
  connect()
  const expression = `${code}\n//# sourceURL=${file}`
  /** @type {Promise<object> | undefined} */
  let running
  let failure
  const stopHook = require('node:v8').promiseHooks.onInit((promise) => {
    stopHook()
    running = promise // the first promise is that of the code
    unsettled.add(promise)
  })
  try {
    start(() => {
      session.post('Runtime.evaluate', { expression, replMode: true }, (_, answer) => {
        failure = answer?.exceptionDetails
      })
    })
  } finally {
    stopHook() // also after an interrupt
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
