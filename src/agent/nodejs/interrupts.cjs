// Interrupts the code of a context. Runs in the processes that run programs.

const util = require('node:util')
const vm = require('node:vm')
const { attempt } = require('./attempt.cjs')
const { HIDDEN_NAME, hidden } = require('./compile.cjs')
const { process } = require('./globals.cjs')

const LATE_INTERRUPT_MS = 20
const nextTurn = util.promisify(setImmediate)
const BEGIN = new vm.Script(`${HIDDEN_NAME}.begin()`, { filename: 'node:sandbox' })

class Interrupted extends Error {
  constructor() {
    super('the run was stopped')
    this.stack = `${this.name}: ${this.message}`
  }

  get name() {
    return 'Interrupted'
  }
}

/** Calls a function that SIGINT ends, even in the middle of a computation. */
function callInterruptibly(begin) {
  hidden.begin = begin
  try {
    BEGIN.runInThisContext({ breakOnSigint: true })
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
  attempt(() => callInterruptibly(spin))
  await nextTurn()
  await nextTurn() // a write that waited for its reader has been reported by now
  for (const { _writableState: state } of [process.stdout, process.stderr]) {
    if (state.writing) state.onwrite()
  }
}

module.exports = { Interrupted, callInterruptibly, recover }
