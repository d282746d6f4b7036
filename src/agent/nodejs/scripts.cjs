// A script of its own

const { pathToFileURL } = require('node:url')
const UNSETTLED = 13 // as Node exits
let fault // why it is no script
let wasThrown = false

function runScript(job) {
  const { code, cwd, args, call } = job
  const cpu = process.cpuUsage()
  const home = process.env.HOME
  try {
    enter(job)
    process.on('exit', () => tellUsed(cpu))
    const file = placeIn(cwd, home, code)
    process.argv = [process.execPath, file, ...args]
    process.on('uncaughtExceptionMonitor', tellUncaught)
    process.nextTick(wayOf(code, file, call))
  } catch (error) {
    console.error(`${error.name}: ${error.message}`)
    exit(1)
  }
}

/** What it took since it was given its code: the agent cannot tell that from its start. */
function tellUsed(before) {
  const { user, system } = process.cpuUsage(before)
  attempt(() => writeSync(4, String((user + system) / 1000)))
}

/** How it is run: V8 tells what it is. */
function wayOf(code, file, call) {
  let text
  try {
    text = strip(code, file)
    const script = compile(text, file)
    const finish = prepare(file, call)
    return () => finish(script.runInThisContext())
  } catch (error) {
    fault = error
  }
  if (text === undefined) return () => failWith(fault)
  try {
    if (fault.message === 'Illegal return statement') throw fault
    const rewritten = withoutImports(text, file)
    const finish = prepare(file, call)
    return () => mustSettle(evaluate(rewritten, file).then(({ value }) => finish(value)))
  } catch {
    return call ? () => mustSettle(callModule(file, call)) : Module.runMain
  }
}

function failWith(error) {
  fail(error)
  process.exitCode = 1
}

/** Makes the globals; gives what is to be done with the last value. */
function prepare(file, call) {
  const module = prepareModule(file, !call)
  return (value) => {
    module.loaded = true
    if (call) return mustSettle(callEntry(call, [module.exports]))
    return util.types.isPromise(value) ? void value.then(giveLast) : giveLast(value)
  }
}

function giveLast(value) {
  if (value !== undefined) return show(value, true)
}

/** A module of its own, that is not main. */
async function callModule(file, call) {
  prepareImport(file)
  const module = await hidden.import(pathToFileURL(file).href)
  return callEntry(call, [module, module.default])
}

/** It waits for nothing more, though the code does: Node has an exit code for that. */
async function mustSettle(promise) {
  const tell = () => (process.exitCode ??= UNSETTLED)
  process.on('beforeExit', tell)
  try {
    await promise
  } catch (error) {
    if (isCaught() || process.listenerCount('unhandledRejection') > 0) throw error
    fail(error) // Node would show a line of its own, not the user's
    exit(1)
  }
  process.off('beforeExit', tell)
}

const isCaught = () =>
  process.listenerCount('uncaughtException') > 0 || process.hasUncaughtExceptionCaptureCallback()

/** Before Node prints it. */
function tellUncaught(error) {
  wasThrown = true
  if (isCaught()) return
  // Where it is Node knows when it prints it: from the first try it is known now.
  const isFault = isOf(SyntaxError, error) && attempt(() => error.message === fault.message)
  tellError(isFault ? fault : error)
}

function placeIn(folder, home, code) {
  try {
    return place(folder, code)
  } catch (error) {
    if (!['EROFS', 'EACCES'].includes(error.code)) throw error
    return place(home, code) // a working directory that is not ours to write in
  }
}

function place(folder, code) {
  try {
    return write(path.join(folder, `main.${extension}`), code)
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    return write(path.join(folder, `main-${process.pid}.${extension}`), code)
  }
}

/** Though it seldom runs from there: workers, forks and those who read it find it. */
function write(file, code) {
  fs.writeFileSync(file, code, { flag: 'wx' })
  process.on('exit', function leave(exitCode) {
    fs.rmSync(file, { force: true })
    if (!wasThrown) leaveAtOnce(leave, exitCode)
  })
  return file
}

/** Before Node takes itself apart, 2 ms for nobody. What else there is to do at the exit is done. */
function leaveAtOnce(ours, exitCode) {
  const listeners = process.rawListeners('exit')
  for (const listener of listeners.slice(listeners.indexOf(ours) + 1)) {
    listener.call(process, exitCode)
  }
  process.reallyExit(Number(process.exitCode ?? exitCode))
}
