// Runs a program in a process of its own. Runs in the processes that run programs.

const { writeSync } = require('node:fs')
const Module = require('node:module')
const { attempt, isInstance } = require('./attempt.cjs')
const { assignEntry, callEntry } = require('./call.cjs')
const { TASKS } = require('./child-protocol.cjs')
const { HIDDEN_NAME, receiveHidden } = require('./compile.cjs')
const { Number, SyntaxError, exit, process } = require('./globals.cjs')
const { placeOfLast } = require('./last-value.cjs')
const { removeMainFile, writeMainFile } = require('./main-file.cjs')
const {
  compileCommonJs,
  importModule,
  isModule,
  runCommonJs,
  runMainModule,
} = require('./main-module.cjs')
const { showValue } = require('./results.cjs')
const { reportAndPrint, reportThrown } = require('./thrown.cjs')
const { stripTypes } = require('./typescript.cjs')
const { applySettings } = require('./user-module.cjs')

/** The exit code of Node for code that waits for a promise that nothing can settle. */
const UNSETTLED = 13

let compileError
let isUncaught = false

function runScript(task) {
  const { code, cwd, args, call } = task
  const cpu = process.cpuUsage()
  try {
    applySettings(task)
    process.on('exit', () => tellCpuTime(cpu))
    const file = writeMainFile(cwd, code)
    process.on('exit', function leave(exitCode) {
      removeMainFile(file)
      // Node prints an uncaught error, and the place of an unsettled promise, after this.
      if (!isUncaught && process.exitCode !== UNSETTLED) exitAtOnce(leave, exitCode)
    })
    process.argv = [process.execPath, file, ...args]
    process.on('uncaughtExceptionMonitor', reportUncaught)
    start(code, file, call)
  } catch (error) {
    console.error(`${error.name}: ${error.message}`)
    exit(1)
  }
}

/** Tells the agent the processor time since the task: the agent cannot tell it from the start. */
function tellCpuTime(before) {
  const { user, system } = process.cpuUsage(before)
  attempt(() => writeSync(TASKS, String((user + system) / 1000)))
}

function start(code, file, call) {
  let text
  try {
    text = stripTypes(code, file)
  } catch (error) {
    reportAndPrint(error)
    process.stderr.write(`\nNode.js ${process.version}\n`)
    process.exitCode = 1
    return
  }
  if (call) startCall(text, file, call)
  else startMain(text, file)
}

function startMain(text, file) {
  const place = placeOfLast(text)
  const isFound = place !== undefined
  const passed = place === text.length ? `\ninstanceof ${HIDDEN_NAME}` : `;${HIDDEN_NAME}=`
  const parts = isFound ? [text.slice(0, place), passed, text.slice(place)] : [text]
  if (isFound) receiveHidden(showValue)
  // If the value is that of the first statement, its assignment is on a line before the code, so
  // that the columns in the code do not change.
  const run =
    (place === 0 ? compile(`${passed}\n${text}`, file, -1) : compile(parts.join(''), file)) ??
    compile(text, file)
  if (run) runCommonJs(run, file, true)
  else if (isModule(text, compileError)) runMainModule(parts.join(''), file)
  else process.nextTick(Module.runMain) // Node reports the syntax error
}

/** Runs the code as a module that is not the main module, and then calls its entry. */
function startCall(text, file, call) {
  let named
  const assigned = assignEntry(call)
  if (assigned) receiveHidden((value) => (named = value))
  const callIn = (...modules) => callEntry(call, modules, named)
  const run = compile(text + assigned, file)
  if (run) {
    const module = runCommonJs(run, file, false)
    process.nextTick(() => isUncaught || exitIfUnsettled(callIn(module.exports)))
  } else {
    const imported = importModule(text + assigned, file)
    void exitIfUnsettled(imported.then((module) => callIn(module, module.default)))
  }
}

function compile(text, file, lineOffset) {
  try {
    return compileCommonJs(text, file, lineOffset)
  } catch (error) {
    compileError = error
    return undefined
  }
}

/**
 * Sets Node's exit code for a promise that is not settled when there is nothing more to wait for.
 */
async function exitIfUnsettled(promise) {
  const setExitCode = () => (process.exitCode ??= UNSETTLED)
  process.on('beforeExit', setExitCode)
  try {
    await promise
  } catch (error) {
    if (handlesUncaught() || process.listenerCount('unhandledRejection') > 0) throw error
    reportAndPrint(error) // Node would show a line of our code
    exit(1)
  }
  process.off('beforeExit', setExitCode)
}

const handlesUncaught = () =>
  process.listenerCount('uncaughtException') > 0 || process.hasUncaughtExceptionCaptureCallback()

/** Reports an error before Node prints it. */
function reportUncaught(error) {
  isUncaught = true
  if (handlesUncaught()) return
  // Node adds the place of a syntax error only when it prints it. The first error has the place.
  const isCompileError =
    isInstance(SyntaxError, error) && attempt(() => error.message === compileError.message)
  reportThrown(isCompileError ? compileError : error)
}

/**
 * Ends the process without the 2 ms that Node needs to clean up. The other listeners are called.
 */
function exitAtOnce(ourListener, exitCode) {
  const listeners = process.rawListeners('exit')
  for (const listener of listeners.slice(listeners.indexOf(ourListener) + 1)) {
    listener.call(process, exitCode)
  }
  process.reallyExit(Number(process.exitCode ?? exitCode))
}

module.exports = { runScript }
