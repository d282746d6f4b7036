// A context: a process that is kept, and the code that runs in it, a cell at a time

let stop = () => {}

function serveContext(job) {
  try {
    enter(job)
  } catch (error) {
    console.error(`${error.name}: ${error.message}`)
    exit(1)
  }
  const folder = process.cwd()
  process.argv = [process.execPath, path.join(folder, `main.${extension}`)]
  prepareModule(process.argv[1], true)
  connect()
  process.on('SIGINT', () => stop(new Interrupted()))
  process.on('uncaughtException', (thrown) => isOf(Exit, thrown) || print(thrown))
  process.exit = (code = process.exitCode) => {
    const end = new Exit(code)
    stop(end)
    throw end
  }
  takeCells(folder)
  tell('y', {})
}

/** Ends the run, and not the process. */
class Exit extends Error {
  constructor(code) {
    super('the run is over')
    this.code = Number(code ?? 0)
  }
}

function takeCells(folder) {
  let text = ''
  let count = 0
  const jobs = new (builtin('node:net').Socket)({
    fd: 4,
    readable: true,
    writable: false,
  }).setEncoding('utf8')
  jobs
    .on('end', () => exit(0))
    .on('data', (part) => {
      text += part
      if (!text.endsWith('\n')) return
      const { code } = parse(text)
      text = ''
      void runCell(code, path.join(folder, `cell-${++count}.${extension}`))
    })
}

async function runCell(code, file) {
  const before = process.cpuUsage()
  let exitCode = 0
  try {
    await new Promise((resolve, reject) => {
      stop = reject
      cellOf(code, file).then(resolve, reject)
    })
  } catch (thrown) {
    if (isOf(Interrupted, thrown)) await recover()
    exitCode = isOf(Exit, thrown) ? thrown.code : isOf(Interrupted, thrown) ? 130 : 1
    if (!isOf(Exit, thrown)) fail(thrown)
  }
  stop = () => {}
  const { user, system } = process.cpuUsage(before)
  tell('e', { exitCode, cpuMs: (user + system) / 1000 })
}

const LATE_INTERRUPT_MS = 20
const turn = util.promisify(setImmediate)

/**
 * What an interrupt leaves behind. A write that was cut off never says that it is over, and all
 * others wait for it; one more interrupt may be on its way, for whatever is next.
 */
async function recover() {
  const end = performance.now() + LATE_INTERRUPT_MS
  const spin = () => {
    while (performance.now() < end);
  }
  attempt(() => interruptibly(spin))
  await turn()
  await turn() // one that waited for its reader says so by now
  for (const { _writableState: state } of [process.stdout, process.stderr]) {
    if (state.writing) state.onwrite()
  }
}

async function cellOf(code, file) {
  const text = withoutImports(strip(code, file), file)
  const { value } = await evaluate(text, file, interruptibly)
  await giveLast(util.types.isPromise(value) ? await value : value)
}

const START = new vm.Script(`${HIDDEN}.begin()`, { filename: 'node:sandbox' })

/** SIGINT ends what is called here, whatever it computes. */
function interruptibly(begin) {
  hidden.begin = begin
  try {
    START.runInThisContext({ breakOnSigint: true })
  } catch (error) {
    throw error.code === 'ERR_SCRIPT_EXECUTION_INTERRUPTED' ? new Interrupted() : error
  }
}
