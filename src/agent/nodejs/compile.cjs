// Compiles code, and gives it `import()`. Runs in the processes that run programs.

const vm = require('node:vm')
const { Object, SyntaxError } = require('./globals.cjs')

/** The option that gives code the `import()` of its file. */
const withImport = { importModuleDynamically: vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER }
/** A global that is not enumerable. Code that was rewritten finds our code by it. */
const HIDDEN_NAME = '__sandbox'
const hidden = {}

function defineHidden() {
  Object.defineProperty(globalThis, HIDDEN_NAME, { value: hidden })
}

/**
 * Passes a value of the code to a function. The code assigns it to the global, or asks whether it is an
 * instance of the global. The global is gone then.
 */
function receiveHidden(receive) {
  const set = (value) => {
    delete globalThis[HIDDEN_NAME]
    receive(value)
  }
  const get = () => ({ [Symbol.hasInstance]: set })
  Object.defineProperty(globalThis, HIDDEN_NAME, { configurable: true, get, set })
}

function compile(code, filename, options) {
  return new vm.Script(code, { filename, ...withImport, ...options })
}

/** Defines `hidden.import`: the `import()` of a file, because code that is evaluated has none. */
function prepareImport(file) {
  let load
  hidden.import = async (name, options, names = []) => {
    load ??= compile('(name, options) => import(name, options)', file).runInThisContext()
    const found = await load(name, options)
    const missing = names.find((each) => !(each in found))
    if (missing === undefined) return found
    const message = `The requested module '${name}' does not provide an export named '${missing}'`
    throw new SyntaxError(message)
  }
}

module.exports = {
  HIDDEN_NAME,
  compile,
  defineHidden,
  hidden,
  prepareImport,
  receiveHidden,
  withImport,
}
