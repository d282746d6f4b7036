// === process-identity
console.log(process.platform, process.version, process.release.name, process.execPath)
console.log(process.getuid(), process.getgid(), process.umask().toString(8), process.cwd())

// === process-arguments {"args":["one","two words","--flag","ä",""]}
console.log(process.argv, process.execArgv)

// === process-title
console.log(process.title, process.argv0)

// === process-environment {"env":{"GREETING":"hällo","EMPTY":""}}
console.log(process.env)
process.env.NUMBER = 5
delete process.env.HOME
console.log(process.env.NUMBER, 'HOME' in process.env, require('node:os').homedir())

// === process-environment-of-a-child
process.env.ADDED = 'yes'
const { execSync } = require('node:child_process')
console.log(execSync('env | sort', { encoding: 'utf8' }))

// === process-node-options {"env":{"NODE_OPTIONS":"--stack-trace-limit=1"}}
function inner() {
  return new Error('x')
}
console.log(Error.stackTraceLimit, inner().stack)

// === process-node-path {"env":{"NODE_PATH":"/workspace/lib"}}
const fs = require('node:fs')
fs.mkdirSync('lib')
fs.writeFileSync('lib/part.js', 'module.exports = "found"')
console.log(require('part'))

// === process-no-warnings {"env":{"NODE_NO_WARNINGS":"1"}}
process.emitWarning('hidden')

// === process-no-color {"env":{"FORCE_COLOR":"1"}}
console.log(process.stdout.hasColors?.(), require('node:util').styleText('red', 'text'))
console.log({ a: 1 })

// === process-debug {"env":{"NODE_DEBUG":"app"}}
console.log(require('node:util').debuglog('app').enabled)

// === process-time-zone {"env":{"TZ":"America/New_York"}}
console.log(new Date(0).toString(), new Date(0).toLocaleString('en-US'))

// === process-locale {"env":{"LANG":"de_DE.UTF-8"}}
console.log((1234.5).toLocaleString(), Intl.DateTimeFormat().resolvedOptions().locale)

// === process-keys
console.log(Object.keys(process).sort().join(' '))

// === process-processor-time
const start = process.cpuUsage()
const end = Date.now() + 5000
while (process.cpuUsage(start).user <= 1000 && Date.now() < end);
console.log(process.cpuUsage(start).user > 1000, process.cpuUsage().user < 2e6)

// === process-resources
console.log(process.getActiveResourcesInfo(), process._getActiveHandles().length, process._getActiveRequests().length)

// === process-descriptors
const fs = require('node:fs')
console.log(fs.openSync('/dev/null') > 2, fs.fstatSync(0).isFIFO(), fs.fstatSync(1).isFIFO())

// === process-loaded-modules
console.log(['node:inspector', 'inspector', 'typescript', 'repl'].filter((name) => process.moduleLoadList.includes(`NativeModule ${name}`)))
console.log(Object.keys(require.cache).length)

// === process-change-of-folder
const fs = require('node:fs')
fs.mkdirSync('inner')
process.chdir('inner')
fs.writeFileSync('file.txt', 'text')
console.log(process.cwd(), fs.existsSync('../inner/file.txt'))

// === process-change-of-title
process.title = 'mine'
console.log(process.title)

// === process-stdin-attributes
for (const name of ['stdin', 'stdout', 'stderr']) {
  const stream = process[name]
  console.log(name, stream.fd, stream.isTTY, stream.readable, stream.writable, stream.constructor.name, stream.columns)
}

// === process-stream-options
const { stdout, stdin } = process
console.log(stdout.writableHighWaterMark, stdin.readableHighWaterMark, stdout._type, stdout.writableObjectMode, stdin.readableFlowing)

// === child-exec
const { exec } = require('node:child_process')
exec('echo out; echo err >&2; exit 3', (error, stdout, stderr) => {
  console.log(error.code, error.message, stdout, stderr)
})

// === child-spawn-of-itself
const { spawnSync } = require('node:child_process')
if (process.argv[2] === 'child') {
  console.log('child', process.argv.slice(2))
  process.exit(5)
}
const { status, stdout, stderr } = spawnSync(process.execPath, [__filename, 'child'], { encoding: 'utf8' })
console.log(status, stdout, stderr)

// === child-fork-of-itself
const { fork } = require('node:child_process')
if (process.send) {
  process.on('message', (message) => {
    process.send({ twice: message * 2 })
    process.disconnect()
  })
} else {
  const child = fork(__filename)
  child.on('message', (message) => console.log(message))
  child.on('exit', (code, signal) => console.log('exit', code, signal))
  child.send(21)
}

// === child-fork-inherits-arguments
const { fork } = require('node:child_process')
const fs = require('node:fs')
fs.writeFileSync('child.js', 'console.log(process.argv.length, process.execArgv, process.env.NODE_CHANNEL_FD !== undefined)')
fork('./child.js', ['x'])

// === child-that-does-not-exist
const { spawn, execFileSync } = require('node:child_process')
spawn('no-such-command').on('error', (error) => console.log(error.code))
try {
  execFileSync('false')
} catch (error) {
  console.log(error.status, error.message)
}

// === child-killed
const { spawn } = require('node:child_process')
const child = spawn('sleep', ['5'])
child.on('exit', (code, signal) => console.log(code, signal))
child.kill()

// === child-inherits-the-streams {"stdin":"for the child"}
const { spawnSync } = require('node:child_process')
console.log('before')
spawnSync('cat', { stdio: 'inherit' })
spawnSync('sh', ['-c', 'echo error >&2'], { stdio: 'inherit' })
console.log('after')

// === child-detached
const { spawn } = require('node:child_process')
spawn('sh', ['-c', 'sleep 2; echo late'], { stdio: 'inherit', detached: true }).unref()
console.log('the program ends')

// === child-signals-are-default
const { execSync } = require('node:child_process')
console.log(execSync("grep -E 'SigIgn|SigBlk' /proc/self/status", { encoding: 'utf8' }))

// === child-cluster
const cluster = require('node:cluster')
if (cluster.isPrimary) {
  const worker = cluster.fork()
  worker.on('message', (message) => console.log('primary got', message))
  cluster.on('exit', (_, code) => console.log('worker exits with', code))
} else process.send(`worker ${cluster.worker.id}`, () => process.exit(2))

// === worker-of-itself
const { Worker, isMainThread, parentPort, workerData, threadId } = require('node:worker_threads')
if (isMainThread) {
  const worker = new Worker(__filename, { workerData: { n: 1 }, argv: ['x'] })
  worker.on('message', (message) => console.log(message))
  worker.on('exit', (code) => console.log('exit', code))
} else {
  parentPort.postMessage([workerData, process.argv.length, threadId, require.main === module])
  process.exit(4)
}

// === worker-of-eval
const { Worker } = require('node:worker_threads')
const worker = new Worker('require("node:worker_threads").parentPort.postMessage(__filename)', { eval: true })
worker.on('message', (message) => console.log(message))

// === worker-error
const { Worker } = require('node:worker_threads')
const worker = new Worker('throw new TypeError("in the worker")', { eval: true })
worker.on('error', (error) => console.log(error.name, error.message))
worker.on('exit', (code) => console.log('exit', code))

// === worker-error-unhandled
const { Worker } = require('node:worker_threads')
new Worker('throw new TypeError("in the worker")', { eval: true })

// === worker-that-prints
const { Worker } = require('node:worker_threads')
new Worker('console.log("out"); console.error("err"); process.stdout.write("no line end")', { eval: true })

// === worker-shared-memory
const { Worker } = require('node:worker_threads')
const shared = new Int32Array(new SharedArrayBuffer(4))
new Worker('const { workerData } = require("node:worker_threads"); Atomics.add(workerData, 0, 5); Atomics.notify(workerData, 0)', { eval: true, workerData: shared })
console.log(Atomics.wait(shared, 0, 0, 5000), shared[0])

// === worker-terminated
const { Worker } = require('node:worker_threads')
const worker = new Worker('setInterval(() => {}, 1000)', { eval: true })
worker.on('online', () => worker.terminate().then((code) => console.log('terminated', code)))

// === worker-main-thread
const { isMainThread, parentPort, workerData, threadId, resourceLimits } = require('node:worker_threads')
console.log(isMainThread, parentPort, workerData, threadId, resourceLimits)

// === process-report-of-inspector
console.log(require('node:inspector').url(), process.debugPort)

// === server-of-http
const http = require('node:http')
const server = http.createServer((request, response) => response.end(`path ${request.url}`))
server.listen(0, '127.0.0.1', async () => {
  const response = await fetch(`http://127.0.0.1:${server.address().port}/x`)
  console.log(response.status, await response.text())
  server.close()
})

// === server-on-localhost
const net = require('node:net')
const server = net.createServer((socket) => socket.end('hello'))
server.listen(0, 'localhost', () => {
  net.connect(server.address().port, 'localhost').on('data', (data) => {
    console.log(String(data))
    server.close()
  })
})

// === file-streams
const fs = require('node:fs')
const { pipeline } = require('node:stream/promises')
const { createGzip } = require('node:zlib')
fs.writeFileSync('a.txt', 'text '.repeat(1000))
pipeline(fs.createReadStream('a.txt'), createGzip({ level: 1 }), fs.createWriteStream('a.gz')).then(() => console.log(fs.existsSync('a.gz')))

// === file-left-open
const fs = require('node:fs')
const stream = fs.createWriteStream('open.txt')
stream.write('content')

// === file-stream-cut-by-exit
const fs = require('node:fs')
fs.createWriteStream('cut.txt').write('content')
process.exit()

// === file-watch-and-links
const fs = require('node:fs')
fs.writeFileSync('a', 'x', { mode: 0o640 })
fs.symlinkSync('a', 'link')
fs.mkdirSync('deep/er', { recursive: true })
console.log(fs.readlinkSync('link'), (fs.statSync('a').mode & 0o777).toString(8), fs.readdirSync('.', { recursive: true }).filter((name) => !name.startsWith('main')).sort())

// === file-by-standard-paths
const fs = require('node:fs')
fs.writeFileSync('/dev/stdout', 'by path\n')
fs.appendFileSync('/dev/stderr', 'error by path\n')

// === file-by-descriptors {"stdin":"typed"}
const fs = require('node:fs')
console.log(fs.readFileSync(0, 'utf8'))
fs.writeSync(1, 'one\n')
fs.writeFileSync(2, 'two\n')

// === file-database
const { DatabaseSync } = require('node:sqlite')
const database = new DatabaseSync(':memory:')
database.exec('create table t (x)')
database.prepare('insert into t values (?)').run(5)
console.log(database.prepare('select * from t').all())

// === file-temporary
const fs = require('node:fs')
const os = require('node:os')
console.log(os.tmpdir(), os.homedir(), os.hostname() === fs.readFileSync('/proc/sys/kernel/hostname', 'utf8').trim())
try {
  console.log(os.userInfo().username, os.userInfo().homedir)
} catch (error) {
  console.log(error.code)
}
fs.rmdirSync(fs.mkdtempSync(os.tmpdir() + "/x-"))

// === process-bad-node-options {"env":{"NODE_OPTIONS":"--no-such-option"}}
console.log('never')
