// Interrupts the code of a context. Runs in the processes that run programs.

const util = require('node:util')
const vm = require('node:vm')
const { HIDDEN_NAME, hidden } = require('./compile.cjs')
const { detach } = require('./detach.cjs')
const { Object, Promise, process } = require('./globals.cjs')

const LATE_INTERRUPT_MS = 20
const nextTurn = util.promisify(setImmediate)
/** Its frame looks like one of Node's, because code sees it. */
const SCRIPT = new vm.Script(
  `${HIDDEN_NAME}.prepare(); ${HIDDEN_NAME}.begin(); ${HIDDEN_NAME}.finish()`,
  { filename: 'node:repl' },
)
const run = SCRIPT.runInThisContext.bind(SCRIPT, { breakOnSigint: true })

class Interrupted extends Error {
  constructor() {
    super('the run was stopped')
    this.stack = `${this.name}: ${this.message}`
  }

  get name() {
    return 'Interrupted'
  }
}

/**
 * Calls functions that SIGINT ends, even in the middle of a computation. A job of V8 calls them, so that
 * no frame of ours is on the stack.
 */
async function callInterruptibly(prepare, begin = () => {}, finish = () => {}) {
  Object.assign(hidden, { prepare, begin, finish })
  try {
    await detach(Promise.resolve().then(run))
  } catch (error) {
    throw error.code === 'ERR_SCRIPT_EXECUTION_INTERRUPTED' ? new Interrupted() : error
  }
}

/**
 * Repairs the effects of an interrupt. An interrupted write is never reported as done, and later
 * writes wait for it. A second interrupt may still arrive, and must not end the next cell.
 */
async function recover() {
  const end = performance.now() + LATE_INTERRUPT_MS
  const spin = () => {
    while (performance.now() < end);
  }
  await callInterruptibly(spin).catch(() => {})
  await nextTurn()
  await nextTurn() // a write that waited for its reader has been reported by now
  for (const { _writableState: state } of [process.stdout, process.stderr]) {
    if (state.writing) state.onwrite()
  }
}

module.exports = { Interrupted, callInterruptibly, recover }
