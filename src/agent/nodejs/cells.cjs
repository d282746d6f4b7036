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
  process.on('uncaughtException', (thrown) => thrown instanceof Exit || print(thrown))
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
    exitCode = thrown instanceof Exit ? thrown.code : thrown instanceof Interrupted ? 130 : 1
    if (!(thrown instanceof Exit)) fail(thrown)
  }
  stop = () => {}
  const { user, system } = process.cpuUsage(before)
  tell('e', { exitCode, cpuMs: (user + system) / 1000 })
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
