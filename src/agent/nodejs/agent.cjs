// The loop: frames in, requests out

const SPARE_DELAY_MS = 10
const environ = { ...process.env, HOME: WORKSPACE, LANG: 'C.UTF-8' }
const jobs = new Map()
const spareNow = { child: null, pipes: null }
let heard = performance.now()

/** The process that has started already and waits for its code, and pipes for the next program. */
function prepareSpare() {
  if (!spareNow.child) {
    const child = spawnProgram([process.execPath, '-e', RUNNER], {
      cwd: '/',
      env: environ,
      extra: ['pipe'],
    })
    child.stdio[3].on('error', () => {}) // somebody inside killed it: its exit tells
    child.once('error', () => dropSpare(child)).once('exit', () => dropSpare(child))
    spareNow.child = child
  }
  spareNow.pipes ??= openPipes()
}

function dropSpare(child) {
  if (spareNow.child !== child) return
  spareNow.child = null
  for (const pipe of Object.values(child.pipes)) pipe.destroy()
}

function settingsOf({ cwd, env, args }) {
  return { cwd: cwd ?? WORKSPACE, env: { ...environ, ...env }, args: args ?? [] }
}

const requests = {
  run(id, request) {
    if (!spareNow.child?.pid) prepareSpare()
    const { child } = spareNow
    spareNow.child = null
    start(id, child, 'node')
    child.stdio[3]?.end(json({ ...settingsOf(request), code: request.code }))
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
    start(id, child, missing ? settings.cwd : request.argv[0])
  },
  read: (id, { path: name }) => give(id, readingFile(id, name)),
  list: (id, { path: name }) => give(id, readingListing(id, name)),
  write(id, { path: name }) {
    const { O_WRONLY, O_CREAT, O_TRUNC } = fs.constants
    jobs.set(id, new Writing(id, openRegular(name, O_WRONLY | O_CREAT | O_TRUNC)))
  },
}

function start(id, child, what) {
  const program = new Program(id, child)
  jobs.set(id, program)
  child.once('error', (error) => program.refuse(error, what))
  child.once('exit', () => setTimeout(prepareSpare, SPARE_DELAY_MS))
}

function give(id, reading) {
  jobs.set(id, reading)
  reading.pump()
}

function done(id, answer) {
  if (jobs.delete(id) || answer.error) send(DONE, id, json(answer))
}

function frame(kind, id, payload) {
  if (kind === PING) return send(PING, id, payload)
  try {
    if (kind === REQUEST) {
      const request = JSON.parse(payload)
      return requests[request.op](id, request)
    }
    const job = jobs.get(id) // none: it ended while this was on its way
    if (kind === DATA) job?.data(payload.subarray(1))
    else if (kind === EOF) job?.eof()
    else if (kind === CREDIT) job?.credit(payload[0], payload.readUInt32BE(1))
    else if (kind === SIGNAL) job?.signal(payload[0])
  } catch (error) {
    if (!error.code) throw error
    jobs.get(id)?.close?.()
    done(id, { error: { code: error.code, message: error.message } })
  }
}

let inbox = Buffer.alloc(0)

function receive(data) {
  heard = performance.now()
  inbox = inbox.length === 0 ? data : Buffer.concat([inbox, data])
  while (inbox.length >= HEADER_SIZE) {
    const length = inbox.readUInt32BE(5)
    if (length > MAX_FRAME) throw new Error(`a frame of ${length} bytes`)
    if (inbox.length < HEADER_SIZE + length) return
    const payload = inbox.subarray(HEADER_SIZE, HEADER_SIZE + length)
    const [kind, id] = [inbox[0], inbox.readUInt32BE(1)]
    inbox = inbox.subarray(HEADER_SIZE + length)
    frame(kind, id, payload)
  }
}

// The host is gone, or has not even pinged though its socket is still there
setInterval(() => performance.now() - heard > SILENCE_MS && process.exit(0), SILENCE_MS / 3)
process.stdin
  .on('data', receive)
  .on('end', () => process.exit(0))
  .on('error', () => process.exit(0))

linkNodeModules()
prepareSpare()
send(HELLO, 0, json({ version: VERSION, language: process.version }))
