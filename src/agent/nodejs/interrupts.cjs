// Interrupts the code of a context. Runs in the processes that run programs.

const util = require('node:util')
const vm = require('node:vm')
const { HIDDEN_NAME, hidden } = require('./compile.cjs')
const { detach } = require('./detach.cjs')
const { Atomics, Object, Promise, process } = require('./globals.cjs')

const LATE_SIGNAL_MS = 20
const never = new Int32Array(new SharedArrayBuffer(4))
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
 * no frame of the agent is on the stack.
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
 * writes wait for it.
 */
async function recover() {
  await readArrived() // a write that waited for its reader has been reported by now
  for (const { _writableState: state } of [process.stdout, process.stderr]) {
    if (state.writing) state.onwrite()
  }
}

/** Lets the event loop read what has arrived. */
async function readArrived() {
  await nextTurn()
  await nextTurn()
}

/**
 * Waits for a signal that came too late for the cell before, so that it does not end the next one: the
 * thread of Node for SIGINT counts the signals, but can end before it has handled all of them.
 */
async function absorbSignals() {
  const pause = () => Atomics.wait(never, 0, 0, LATE_SIGNAL_MS) // the thread gets the processor
  const wasInterrupted = () => {
    return callInterruptibly(pause).then(
      () => false,
      () => true,
    )
  }
  while (await wasInterrupted());
}

module.exports = { Interrupted, absorbSignals, callInterruptibly, readArrived, recover }
