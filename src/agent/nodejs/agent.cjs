// The loop: frames in, requests out

const SPARE_DELAY_MS = 10
const LONGEST_MESSAGE = 1000
const ERRORS = util.getSystemErrorMap()
const environ = { ...process.env, HOME: WORKSPACE, LANG: 'C.UTF-8' }
const jobs = new Map()
const spareNow = { child: null, pipes: [] }
/** For each spare, as it came to us; better, with what V8 has made of it. */
let program = programOf(payload)
let heard = performance.now()

/** The process that has started already and waits for its code, and pipes for the next programs. */
function prepareSpare() {
  if (!spareNow.child) {
    const child = spawnProgram([process.execPath, ...process.execArgv, CONFIG, '4'], {
      cwd: '/',
      env: environ,
      extra: ['pipe', 'pipe'],
    })
    child.records = new Records(child.stdio[3])
    child.stdio[4].on('error', () => {}).write(program) // as there
    child.once('error', () => dropSpare(child)).once('exit', () => dropSpare(child))
    spareNow.child = child
  }
  if (spareNow.pipes.length === 0) spareNow.pipes = openPipes()
}

function dropSpare(child) {
  if (spareNow.child !== child) return
  spareNow.child = null
  for (const pipe of Object.values(child.pipes)) pipe.destroy()
}

function settingsOf({ cwd, env, args }) {
  const folder = cwd === undefined ? WORKSPACE : at(cwd)
  return { cwd: folder, env: { ...environ, ...env }, args: args ?? [] }
}

const isText = (value) => typeof value === 'string'
const isTexts = (value) => Array.isArray(value) && value.every(isText)
const isRecord = (value) => Object.prototype.toString.call(value) === '[object Object]'
const isFlag = (value) => typeof value === 'boolean'
const isCount = (value) => Number.isSafeInteger(value) && value >= 0

/** What a field is, in whatever request. */
const FIELDS = Object.entries({
  code: isText,
  context: (value) => isText(value) && value !== '',
  call: (value) =>
    isRecord(value) && isText(value.entry) && Array.isArray(value.args) && isRecord(value.kwargs),
  argv: (value) => isTexts(value) && value.length > 0,
  args: isTexts,
  cwd: isText,
  env: (value) => isRecord(value) && isTexts(Object.values(value)),
  path: isText,
  to: isText,
  offset: isCount,
  length: isCount,
  mode: (value) => isCount(value) && value <= PERMISSIONS,
  timeoutMs: (value) => Number.isFinite(value) && value >= 0,
  atomic: isFlag,
  recursive: isFlag,
})
const NEEDED = { run: ['code'], open: ['context'], exec: ['argv'], move: ['path', 'to'] }

function check(request) {
  const isKnown = [programs, FILES].some((known) => Object.hasOwn(known, request?.op))
  if (!isKnown) throw failure('EINVAL', 'no such request')
  const needed = NEEDED[request.op] ?? ['path']
  for (const [name, isRight] of FIELDS) {
    const value = request[name]
    if (value === undefined ? needed.includes(name) : !isRight(value)) {
      throw failure('EINVAL', `${name} is missing, or not what it should be`)
    }
  }
}

const programs = {
  run(id, request) {
    if (request.context !== undefined) return runInContext(id, request)
    const child = takeSpare()
    const settings = settingsOf(request)
    const { code, call, timeoutMs } = request
    start(new Program(id, child), 'node').limit(timeoutMs)
    child.once('exit', (_, signal) => signal && removeMain(settings.cwd, child.pid, code))
    child.stdio[4]?.end(line({ ...settings, code, call }))
  },
  open(id, request) {
    if (contexts.has(request.context)) throw failure('EEXIST', 'such a context is open')
    const child = takeSpare()
    start(new Context(id, child, request.context), 'node')
    child.stdio[4]?.write(line({ ...settingsOf(request), isContext: true }))
  },
  exec(id, request) {
    const settings = settingsOf(request)
    const [name] = request.argv
    let child
    let missing
    try {
      const stat = asNobody(() => fs.statSync(settings.cwd, { throwIfNoEntry: false }))
      missing = !stat?.isDirectory()
      child = spawnProgram(request.argv, settings)
    } catch (error) {
      // E2BIG and a folder that is closed to it are thrown, ENOENT and its like are emitted.
      sendData(id, STDERR, Buffer.from(`${name}: ${error.message}\n`).subarray(-CHUNK))
      return send(DONE, id, json({ exitCode: 126, signal: null }))
    }
    start(new Program(id, child), missing ? settings.cwd : name).limit(request.timeoutMs)
    if (child.pid) send(STARTED, id, json({ pid: child.pid }))
  },
}

function takeSpare() {
  if (!spareNow.child?.pid) prepareSpare()
  const { child } = spareNow
  spareNow.child = null
  return child
}

function start(program, what) {
  const { id, child } = program
  jobs.set(id, program)
  child.once('error', (error) => program.refuse(error, what))
  const prepareLater = () => setTimeout(prepareSpare, SPARE_DELAY_MS)
  if (program instanceof Context) prepareLater()
  else child.once('exit', prepareLater)
  return program
}

/** One job of a process: JSON has no line ends of its own. */
const line = (job) => `${JSON.stringify(job)}\n`

function serve(id, request) {
  check(request)
  if (Object.hasOwn(programs, request.op)) return programs[request.op](id, request)
  const steps = FILES[request.op](request)
  const job = request.op === 'write' ? new Taking(id, steps) : new Giving(id, steps)
  jobs.set(id, job)
  job.begin()
}

function done(id, answer) {
  if (jobs.delete(id) || answer.error) send(DONE, id, json(answer))
}

/** What a request or the file system may contain ends the request, and never the agent. */
function attempt(id, action) {
  try {
    action()
  } catch (error) {
    try {
      jobs.get(id)?.close?.()
    } catch {
      // it is over all the same
    }
    const code = /^E[A-Z0-9]+$/.test(error.code) ? error.code : 'EINVAL'
    const [, says = error.message] = ERRORS.get(error.errno) ?? []
    done(id, { error: { code, message: says.slice(0, LONGEST_MESSAGE) } })
  }
}

function frame(kind, id, payload) {
  if (kind === PING) return send(PING, id, payload)
  if (kind === REQUEST) return serve(id, JSON.parse(payload))
  const job = jobs.get(id) // none: it ended while this was on its way
  if (kind === DATA) job?.data(payload.subarray(1))
  else if (kind === EOF) job?.eof()
  else if (kind === CREDIT) job?.credit(payload[0], payload.readUInt32BE(1))
  else if (kind === SIGNAL) {
    const name = payload.toString()
    if (Object.hasOwn(os.constants.signals, name)) job?.signal(name)
  }
}

const INBOX_SIZE = 3 * CHUNK
let inbox = Buffer.allocUnsafe(INBOX_SIZE)
let held = 0

/** What comes is only looked at: whoever keeps some of it makes a copy. */
function receive(data) {
  heard = performance.now()
  held += data.copy(inbox, held)
  let from = 0
  for (let size = sizeAt(from); size <= held - from; size = sizeAt(from)) {
    const [kind, id] = [inbox[from], inbox.readUInt32BE(from + 1)]
    const payload = inbox.subarray(from + HEADER_SIZE, from + size)
    attempt(id, () => frame(kind, id, payload))
    from += size
  }
  inbox.copyWithin(0, from, held)
  held -= from
  makeRoom(sizeAt(0) + CHUNK)
}

/** How long the frame is that begins there, as far as can be told. */
function sizeAt(from) {
  if (held - from < HEADER_SIZE) return HEADER_SIZE
  const length = inbox.readUInt32BE(from + 5)
  if (length > MAX_FRAME) throw new Error(`a frame of ${length} bytes`)
  return HEADER_SIZE + length
}

/** For the rest of the frame, and what may come with it. A long request gets a buffer of its own. */
function makeRoom(size) {
  const needed = Math.max(size, INBOX_SIZE)
  if (inbox.length === needed) return
  const next = Buffer.allocUnsafe(needed)
  inbox.copy(next, 0, 0, held)
  inbox = next
}

// The host has not even pinged: it is gone, though its socket is not. What has arrived is read first:
// a container that was frozen has not heard anything meanwhile.
const judgeHost = () => performance.now() - heard > SILENCE_MS && process.exit(0)
setInterval(() => setImmediate(judgeHost), SILENCE_MS / 3)
const incoming = { buffer: Buffer.allocUnsafe(CHUNK), callback: take }
new net.Socket({ fd: 0, readable: true, writable: false, onread: incoming })
  .on('end', () => process.exit(0))
  .on('error', () => process.exit(0))

function take(size, bytes) {
  receive(bytes.subarray(0, size))
  return true
}

/** The first word, when the first spare has what it needs; why there will be none that has. */
function greet(failed) {
  if (script.cachedDataRejected !== false) giveCompiled() // undefined where there was none
  send(HELLO, 0, json({ version: VERSION, language: process.version, failed }))
}

/** For the next spare, and the next container of the image. */
function giveCompiled() {
  const compiled = script.createCachedData()
  const size = Buffer.alloc(4)
  size.writeUInt32BE(compiled.length)
  program = programOf(size, compiled, payload.subarray(4 + payload.readUInt32BE(0)))
  for (let at = 0; at < compiled.length; at += CHUNK) {
    send(TO_KEEP, 0, compiled.subarray(at, at + CHUNK))
  }
}

linkNodeModules()
prepareSpare()
if (typescript && !Module.stripTypeScriptTypes) {
  greet({ message: `Node ${process.version} cannot strip types, 22.13 or newer can` })
} else if (preload.length > 0) greetWhenReady(spareNow.child)
else greet()

function greetWhenReady(child) {
  const ended = () => greet({ message: 'the process ended while it loaded its modules' })
  child.once('exit', ended).once('error', ended)
  child.records.hear = (tag, { preload: name, message }) => {
    child.off('exit', ended).off('error', ended)
    child.records.hear = () => {}
    greet(tag === FAILED ? { preload: name, message } : undefined)
  }
}
