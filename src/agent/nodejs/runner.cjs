// The process itself: warm, it waits for its first job on descriptor 4

// Made now rather than in the run, and blocking: Node keeps what a full pipe does not take in
// memory, where a kill or process.exit() loses it.
for (const stream of [process.stdout, process.stderr]) stream._handle?.setBlocking?.(true)

// What `node -e` has as globals and a script has not: every module, by its name, and these.
const scriptsToo = new Set(['console', 'crypto', 'process'])
const builtins = Module.builtinModules.filter((name) => !scriptsToo.has(name))
const evalsOwn = ['require', 'exports', '__filename', '__dirname', ...builtins]

// Our stdin is a pipe with a name that is gone: to open it once more, as /dev/stdin, would wait for
// a writer when the input is over. The descriptor is there already.
const stdin = (file) => (file === '/dev/stdin' || file === '/proc/self/fd/0' ? 0 : file)
for (const name of ['readFileSync', 'readFile']) {
  const read = fs[name]
  fs[name] = (file, ...rest) => read(stdin(file), ...rest)
}
for (const [name, answer] of Object.entries({
  openSync: () => 0,
  open: (...rest) => process.nextTick(rest.at(-1), null, 0),
})) {
  const open = fs[name]
  fs[name] = (file, ...rest) => (stdin(file) === 0 ? answer(...rest) : open(file, ...rest))
}
Module.syncBuiltinESMExports()

const { preload = [], typescript, workspace = '/workspace' } = parse(process.argv[1])
const extension = typescript ? 'ts' : 'js'
const { exit } = process

/** A line of JSON. At the end of what is there, there is nothing to do any more. */
function readJob() {
  const chunks = []
  do {
    const chunk = Buffer.allocUnsafe(65536)
    chunks.push(chunk.subarray(0, readSync(4, chunk)))
    if (chunks.at(-1).length === 0) exit(0)
  } while (chunks.at(-1).at(-1) !== 0x0a)
  return parse(Buffer.concat(chunks))
}

function enter({ cwd, env }) {
  process.chdir(cwd)
  for (const name of Object.keys(process.env)) delete process.env[name]
  Object.assign(process.env, env)
  process.execArgv = []
}

/** Gives scripts what a module has: here they are globals. */
function prepareModule(file, isMain) {
  const module = new Module(file, null)
  const __dirname = path.dirname(file)
  module.filename = file
  module.paths = Module._nodeModulePaths(__dirname)
  Module._cache[file] = module
  process.mainModule = isMain ? module : undefined
  const own = { module, exports: module.exports, require: Module.createRequire(file) }
  Object.assign(globalThis, own, { __filename: file, __dirname })
  prepareImport(file)
  return module
}

/** JavaScript, on its lines. */
function strip(code, file) {
  if (!typescript) return code
  try {
    return Module.stripTypeScriptTypes(code)
  } catch (error) {
    error.stack = file + error.stack.replace(/^(?!:)/, '\n')
    throw error
  }
}

/** What nobody caught. */
function fail(thrown) {
  tellError(thrown)
  print(thrown)
}

function print(thrown) {
  const isError = util.types.isNativeError(thrown)
  const text = attempt(() => {
    trim(thrown)
    const shown = util.inspect(thrown)
    return isError && shown === `[${thrown.stack}]` ? thrown.stack : shown
  })
  process.stderr.write(`${isError ? '' : 'Uncaught '}${text ?? SHY}\n`)
}

// What it has before its first job

const OUR_WARNINGS = /^(?:vm\.USE_MAIN_CONTEXT_DEFAULT_LOADER|stripTypeScriptTypes|Type Stripping) /
const { emitWarning } = process
process.emitWarning = (warning, ...rest) => {
  if (!OUR_WARNINGS.test(warning)) emitWarning.call(process, warning, ...rest)
}

/** How `require` refuses a package that is for `import` only. */
const ES_ONLY = new Set([
  'ERR_REQUIRE_ESM',
  'ERR_REQUIRE_ASYNC_MODULE',
  'ERR_PACKAGE_PATH_NOT_EXPORTED',
])

Object.defineProperty(globalThis, HIDDEN, { value: hidden })
if (typescript) attempt(() => strip('', ''))
prepareImport(path.join(workspace, 'main.js'))
if (preload.length > 0) void loadAll().then(work)
else work()

/** Not before the next tick: Node sets what `-e` has when this source has been run. */
function work() {
  const job = readJob()
  process.nextTick(() => {
    for (const name of evalsOwn) delete globalThis[name]
    globalThis.display = display
    if (job.isContext) serveContext(job)
    else runScript(job)
  })
}

async function loadAll() {
  const require = Module.createRequire(`${workspace}/`)
  for (const name of preload) {
    try {
      await loadOne(name, require)
    } catch (error) {
      const isError = util.types.isNativeError(error)
      const text = isError ? `${error.name}: ${error.message}` : util.inspect(error)
      return tell('f', { preload: name, message: text.split('\n', 1)[0].slice(0, 1000) })
    }
  }
  tell('y', {})
}

async function loadOne(name, require) {
  try {
    require(name)
  } catch (error) {
    if (!ES_ONLY.has(error?.code)) throw error
    await hidden.import(name)
  }
}
