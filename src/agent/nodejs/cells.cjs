// Runs the cells of a context, one after the other, in a process that is kept. Runs in the
// processes that run programs.

const { readSync } = require('node:fs')
const path = require('node:path')
const util = require('node:util')
const { isInstance } = require('./attempt.cjs')
const { END, READY, TASKS } = require('./child-protocol.cjs')
const { defineHidden } = require('./compile.cjs')
const { connect, evaluate } = require('./evaluate.cjs')
const { Buffer, Number, Promise, exit, parse, process } = require('./globals.cjs')
const { withoutImports } = require('./imports.cjs')
const { Interrupted, absorbSignals, readArrived, recover } = require('./interrupts.cjs')
const { extension, mainName } = require('./main-name.cjs')
const { sendMessage } = require('./messages.cjs')
const { showLast } = require('./results.cjs')
const { printThrown, reportAndPrint } = require('./thrown.cjs')
const { stripTypes } = require('./typescript.cjs')
const { applySettings, defineModuleVariables } = require('./user-module.cjs')

const INTERRUPTED = 130

/** Ends the cell that runs, if there is one. */
let stop = () => {}
/** Takes the interrupt that has arrived while a cell runs, without waiting for it. */
let takeArrived = () => {}
const arrived = Buffer.alloc(1024)

function serveContext(task) {
  try {
    applySettings(task)
  } catch (error) {
    console.error(`${error.name}: ${error.message}`)
    exit(1)
  }
  const folder = process.cwd()
  process.argv = [process.execPath, path.join(folder, mainName)]
  defineHidden()
  defineModuleVariables(process.argv[1])
  prepareConsole()
  connect()
  process.on('SIGINT', () => {}) // a line of the agent ends code that waits
  process.on('uncaughtException', (thrown) => isInstance(Exit, thrown) || printThrown(thrown))
  process.exit = (code = process.exitCode) => {
    const end = new Exit(code)
    stop(end)
    throw end
  }
  readCells(folder)
  sendMessage(READY, {})
}

/** Imports what Node imports at the first output: an interrupt in the middle of it would break that. */
function prepareConsole() {
  const { Writable } = require('node:stream')
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  new console.Console(nowhere).log({})
}

/** Ends the cell, but not the process. */
class Exit extends Error {
  constructor(code) {
    super('the run is over')
    this.code = Number(code ?? 0)
  }
}

/**
 * Reads lines: tasks, which it runs, and interrupts. The agent sends a task only when the one before
 * has ended, and an interrupt only to a task.
 */
function readCells(folder) {
  let text = ''
  let count = 0
  const { Socket } = require('node:net') // few processes become contexts
  const take = (part) => {
    text += part
    if (!text.endsWith('\n')) return
    const lines = text.trimEnd().split('\n')
    text = ''
    for (const line of lines) {
      const task = parse(line)
      if (task.isInterrupt) stop(new Interrupted())
      else void runCell(task, path.join(folder, `cell-${++count}.${extension}`))
    }
  }
  new Socket({ fd: TASKS, readable: true, writable: false })
    .setEncoding('utf8')
    .on('end', () => exit(0))
    .on('data', take)
  takeArrived = () => {
    try {
      take(arrived.toString('latin1', 0, readSync(TASKS, arrived)))
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error
    }
  }
}

async function runCell({ code, followsInterrupt }, file) {
  const before = process.cpuUsage()
  let exitCode = 0
  try {
    await new Promise((resolve, reject) => {
      let isStopped = false
      stop = (reason) => {
        isStopped = true
        reject(reason)
      }
      const mayBegin = async () => {
        if (followsInterrupt) await absorbSignals()
        await readArrived() // an interrupt that came before the code can be interrupted
        return !isStopped
      }
      // The line of an interrupt comes before its signal. So the interrupt is in the line here, or its
      // signal ends the code.
      const check = () => {
        takeArrived()
        if (isStopped) throw new Interrupted()
      }
      evaluateCell(code, file, { mayBegin, check }).then(resolve, reject)
    })
  } catch (thrown) {
    const isInterrupted = isInstance(Interrupted, thrown)
    const isExit = isInstance(Exit, thrown)
    if (isInterrupted) await recover()
    exitCode = isExit ? thrown.code : isInterrupted ? INTERRUPTED : 1
    if (!isExit) reportAndPrint(thrown)
  }
  stop = () => {}
  const { user, system } = process.cpuUsage(before)
  sendMessage(END, { exitCode, cpuMs: (user + system) / 1000 })
}

async function evaluateCell(code, file, { mayBegin, check }) {
  const text = withoutImports(stripTypes(code, file), file)
  if (!(await mayBegin())) return
  const { value } = await evaluate(text, file, check)
  await showLast(util.types.isPromise(value) ? await value : value)
}

module.exports = { serveContext }
