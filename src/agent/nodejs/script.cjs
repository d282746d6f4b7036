// Runs a program in a process of its own. Runs in the processes that run programs.

const { writeSync } = require('node:fs')
const Module = require('node:module')
const { pathToFileURL } = require('node:url')
const util = require('node:util')
const { attempt, isInstance } = require('./attempt.cjs')
const { callEntry } = require('./call.cjs')
const { TASKS } = require('./child-protocol.cjs')
const { compile, hidden, prepareImport } = require('./compile.cjs')
const { evaluate } = require('./evaluate.cjs')
const { Number, SyntaxError, exit, process } = require('./globals.cjs')
const { withoutImports } = require('./imports.cjs')
const { removeMainFile, writeMainFile } = require('./main-file.cjs')
const { showLast } = require('./results.cjs')
const { reportAndPrint, reportThrown } = require('./thrown.cjs')
const { stripTypes } = require('./typescript.cjs')
const { applySettings, prepareModule } = require('./user-module.cjs')

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
      removeMainFile(file, code)
      if (!isUncaught) exitAtOnce(leave, exitCode)
    })
    process.argv = [process.execPath, file, ...args]
    process.on('uncaughtExceptionMonitor', reportUncaught)
    process.nextTick(chooseRun(code, file, call))
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

/** A function that runs the code in its own way: as a script, by evaluation, or as a module. */
function chooseRun(code, file, call) {
  let text
  try {
    text = stripTypes(code, file)
    const script = compile(text, file)
    const finish = prepare(file, call)
    return () => finish(script.runInThisContext())
  } catch (error) {
    compileError = error
  }
  if (text === undefined) return () => failWith(compileError)
  try {
    if (compileError.message === 'Illegal return statement') throw compileError
    const rewritten = withoutImports(text, file)
    const finish = prepare(file, call)
    return () => exitIfUnsettled(evaluate(rewritten, file).then(({ value }) => finish(value)))
  } catch {
    return call ? () => exitIfUnsettled(callModule(file, call)) : Module.runMain
  }
}

function failWith(error) {
  reportAndPrint(error)
  process.exitCode = 1
}

/** Prepares the globals of a script. Returns a function for the value of its last expression. */
function prepare(file, call) {
  const module = prepareModule(file, !call)
  return (value) => {
    module.loaded = true
    if (call) return exitIfUnsettled(callEntry(call, [module.exports]))
    return util.types.isPromise(value) ? void value.then(showLast) : showLast(value)
  }
}

/** Calls an entry of an ES module, which is not the main module. */
async function callModule(file, call) {
  prepareImport(file)
  const module = await hidden.import(pathToFileURL(file).href)
  return callEntry(call, [module, module.default])
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
