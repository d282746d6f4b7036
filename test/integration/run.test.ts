import { describe, expect, it } from 'vitest'
import type { ExecResult } from 'hono-sandbox'
import { SandboxFileError } from 'hono-sandbox'
import { languages, places, runtimes, useLease, usePool } from '../helpers/engine.js'

/** The same program in both languages. */
const PROGRAMS = {
  python: {
    hello: 'print("hello")',
    syntax: 'x = 1\nprint("never"\ny = 2',
    throwing: 'def inner():\n    raise ValueError("no good")\n\ninner()',
    unicode: 'print("žluťoučký 🐎")',
    args: 'import json, sys\nprint(json.dumps(sys.argv[1:]))',
    env: 'import os\nprint(os.environ.get("TOKEN"), os.environ["HOME"])',
    echo: 'import sys\nprint(len(sys.stdin.read()))',
    cwd: 'import os\nprint(os.getcwd())',
    exit: 'import sys\nsys.exit(42)',
    streams: 'open("/dev/stdout", "w").write("out")\nopen("/dev/stderr", "w").write("err")',
    partial: 'import time\nprint("so far", flush=True)\ntime.sleep(300)',
    big: 'import sys\nsys.stdout.write("x" * 3_000_000 + "the end")',
    binary: 'import sys\nsys.stdout.buffer.write(bytes([0x41, 0xff, 0x42]))',
    remember: 'import builtins\nx = 1\nbuiltins.y = 2\nimport json\njson.z = 3\nprint("set")',
    recall:
      'import builtins, json\nprint("x" in globals(), hasattr(builtins, "y"), hasattr(json, "z"))',
  },
  nodejs: {
    hello: 'console.log("hello")',
    syntax: 'const x = 1\nconsole.log("never"\nconst y = 2',
    throwing: 'function inner() {\n  throw new Error("no good")\n}\ninner()',
    unicode: 'console.log("žluťoučký 🐎")',
    args: 'console.log(JSON.stringify(process.argv.slice(2)))',
    env: 'console.log(process.env.TOKEN, process.env.HOME)',
    echo: 'console.log(require("fs").readFileSync(0, "utf8").length)',
    cwd: 'console.log(process.cwd())',
    exit: 'process.exit(42)',
    streams: `const fs = require('fs')
      fs.writeFileSync('/dev/stdout', 'out'); fs.writeFileSync('/dev/stderr', 'err')`,
    partial: 'console.log("so far")\nsetTimeout(() => {}, 300_000)',
    big: 'process.stdout.write("x".repeat(3_000_000) + "the end")',
    binary: 'process.stdout.write(Buffer.from([0x41, 0xff, 0x42]))',
    remember: 'globalThis.x = 1; JSON.y = 2; require("fs").z = 3; console.log("set")',
    recall: 'console.log("x" in globalThis, "y" in JSON, "z" in require("fs"))',
  },
}

/** The tests of a block share one lease, so no further container is needed. */
const one = { size: 1, max: 1 }

describe.each(places)('a run of $language under $runtime', ({ runtime, language }) => {
  const programs = PROGRAMS[language]
  const pool = usePool({ runtime, languages: { [language]: one } })
  const lease = useLease(pool, language)

  it('a run returns its output, exit code, duration and usage', async () => {
    const sandbox = await lease()
    expect(sandbox).toMatchObject({ language, runtime })
    expect(await sandbox.runCode(programs.hello)).toEqual({
      exitCode: 0,
      signal: null,
      stdout: 'hello\n',
      stderr: '',
      durationMs: expect.any(Number),
      usage: {
        cpuMs: expect.any(Number),
        maxRssBytes: language === 'python' ? expect.any(Number) : undefined,
      },
      truncated: false,
      results: [],
    })
  })

  it('an error has the lines of the user', async () => {
    const sandbox = await lease()
    const syntax = await sandbox.runCode(programs.syntax)
    expect(syntax).toMatchObject({ exitCode: 1, stdout: '' })
    expect(syntax.stderr).toMatch(/SyntaxError/)
    expect(syntax.stderr).toMatch(/\/workspace\/main\.(py", line 2|js:[23])/)
    const thrown = await sandbox.runCode(programs.throwing)
    expect(thrown).toMatchObject({ exitCode: 1, stdout: '' })
    expect(thrown.stderr).toMatch(/main\.(py", line 4|js:4)/)
    expect(thrown.stderr).toMatch(/main\.(py", line 2, in inner|js:2)/)
    expect(thrown.stderr).toContain('no good')
    expect(thrown.stderr).not.toMatch(/agent|runner|\[eval\]|<string>/)
  })

  it('arguments, variables and input apply to one call only', async () => {
    const sandbox = await lease()
    const args = ['a b', '', '--flag', 'žluť', '$HOME']
    expect(JSON.parse((await sandbox.runCode(programs.args, { args })).stdout)).toEqual(args)
    const env = { TOKEN: 's3cret' }
    expect((await sandbox.runCode(programs.env, { env })).stdout).toBe('s3cret /workspace\n')
    expect((await sandbox.runCode(programs.env)).stdout).toMatch(/^(None|undefined) \/workspace\n$/)
    expect((await sandbox.exec('echo $TOKEN', { env })).stdout).toBe('s3cret\n')
    expect((await sandbox.exec('echo [$TOKEN]')).stdout).toBe('[]\n')
    const stdin = 'x'.repeat(1_000_000)
    expect((await sandbox.runCode(programs.echo, { stdin })).stdout).toBe('1000000\n')
    expect((await sandbox.exec('wc -c', { stdin })).stdout.trim()).toBe('1000000')
    expect((await sandbox.runCode(programs.echo)).stdout).toBe('0\n')
  })

  it('a call runs in the given working directory', async () => {
    const sandbox = await lease()
    await sandbox.exec('mkdir deep')
    const cwd = '/workspace/deep'
    expect((await sandbox.runCode(programs.cwd)).stdout).toBe('/workspace\n')
    expect((await sandbox.runCode(programs.cwd, { cwd })).stdout).toBe(`${cwd}\n`)
    expect((await sandbox.exec('pwd', { cwd })).stdout).toBe(`${cwd}\n`)
    expect((await sandbox.runCode(programs.cwd, { cwd: 'deep' })).stdout).toBe(`${cwd}\n`)
    expect((await sandbox.exec('pwd', { cwd: 'deep' })).stdout).toBe(`${cwd}\n`)
    const missing = await sandbox.runCode(programs.cwd, { cwd: '/no/such' })
    expect(missing.exitCode).toBe(1)
    expect(missing.stderr).toContain('/no/such')
  })

  it('a call returns exit codes and signals, and 126 or 127 if the program cannot start', async () => {
    const sandbox = await lease()
    expect(await sandbox.runCode(programs.exit)).toMatchObject({ exitCode: 42, signal: null })
    expect(await sandbox.exec('exit 7')).toMatchObject({ exitCode: 7, signal: null })
    expect(await sandbox.exec('kill -TERM $$')).toMatchObject({ exitCode: null, signal: 'SIGTERM' })
    expect(await sandbox.exec(['no-such-program'])).toMatchObject({ exitCode: 127 })
    expect(await sandbox.exec(['/etc/passwd'])).toMatchObject({ exitCode: 126 })
    expect(await sandbox.exec(['echo', '$HOME', 'a  b'])).toMatchObject({ stdout: '$HOME a  b\n' })
  })

  it('a program can open /dev/stdout and /dev/stderr', async () => {
    const sandbox = await lease()
    const written = { stdout: 'out', stderr: 'err', exitCode: 0 }
    expect(await sandbox.runCode(programs.streams)).toMatchObject(written)
    const script = 'printf out > /dev/stdout; printf err > /dev/stderr'
    expect(await sandbox.exec(script)).toMatchObject(written)
  })

  it('a timed-out run returns its output, and later runs succeed', async () => {
    const sandbox = await lease()
    const late = await sandbox.runCode(programs.partial, { timeoutMs: 1500 })
    expect(late).toMatchObject({ stdout: 'so far\n', killedBy: 'timeout', signal: 'SIGKILL' })
    expect(late.exitCode).toBeNull()
    const exec = await sandbox.exec('echo so far; sleep 300', { timeoutMs: 1500 })
    expect(exec).toMatchObject({ stdout: 'so far\n', killedBy: 'timeout' })
    expect((await sandbox.runCode(programs.hello)).stdout).toBe('hello\n')
  })

  it('an aborted call reports abort', async () => {
    const sandbox = await lease()
    const abort = new AbortController()
    const running = sandbox.runCode(programs.partial, {
      signal: abort.signal,
      onStdout: () => abort.abort(),
    })
    const stdout = expect.stringMatching(/^so far/) // the end of the line may come later
    expect(await running).toMatchObject({ killedBy: 'abort', stdout })
    const signal = AbortSignal.abort()
    expect(await sandbox.exec('echo no', { signal })).toMatchObject({
      killedBy: 'abort',
      stdout: '',
    })
  })

  it('a run returns megabytes of output with any bytes', async () => {
    const sandbox = await lease()
    const big = await sandbox.runCode(programs.big, { maxOutputBytes: 4_000_000 })
    expect(big).toMatchObject({ exitCode: 0, truncated: false })
    expect([big.stdout.length, big.stdout.slice(-8)]).toEqual([3_000_007, 'xthe end'])
    expect((await sandbox.runCode(programs.binary)).stdout).toBe('A\uFFFDB')
    expect((await sandbox.runCode(programs.unicode)).stdout).toBe('žluťoučký 🐎\n')
  })

  it('a sandbox runs several programs at the same time', async () => {
    const sandbox = await lease()
    const numbers = Array.from({ length: 8 }, (_, at) => String(at))
    const runs = numbers.map((number) => sandbox.runCode(programs.args, { args: [number] }))
    const execs = numbers.map((number) => sandbox.exec(['echo', number]))
    expect((await Promise.all(runs)).map(({ stdout }) => stdout)).toEqual(
      numbers.map((number) => `["${number}"]\n`),
    )
    expect((await Promise.all(execs)).map(({ stdout }) => stdout)).toEqual(
      numbers.map((number) => `${number}\n`),
    )
  })

  it('one lease serves many calls', async () => {
    const sandbox = await lease()
    for (let round = 0; round < 15; round++) {
      expect((await sandbox.runCode(programs.hello)).stdout).toBe('hello\n')
      expect((await sandbox.exec('echo hello')).stdout).toBe('hello\n')
    }
  })

  it('a run sees only the files of an earlier run', async () => {
    const sandbox = await lease()
    expect((await sandbox.runCode(programs.remember)).stdout).toBe('set\n')
    const { stdout } = await sandbox.runCode(programs.recall)
    expect(stdout.toLowerCase()).toBe('false false false\n')
    await sandbox.writeFile('kept.txt', 'kept')
    expect((await sandbox.exec('cat kept.txt; ls')).stdout).toBe('keptkept.txt\n')
  })
})

describe.each(runtimes)('the files of a sandbox under %s', (runtime) => {
  const pool = usePool({ runtime, languages: { python: one, nodejs: one } })
  const leases = { python: useLease(pool, 'python'), nodejs: useLease(pool, 'nodejs') }

  it.each(languages)('files are written, read and listed in %s', async (language) => {
    const sandbox = await leases[language]()
    const bytes = Buffer.alloc(3_000_000, 'any \0\xff')
    await sandbox.writeFile('data.bin', bytes)
    expect((await sandbox.readFile('data.bin')).equals(bytes)).toBe(true)
    await sandbox.writeFile('/tmp/ž.txt', 'kůň')
    expect((await sandbox.exec(['cat', '/tmp/ž.txt'])).stdout).toBe('kůň')
    await sandbox.exec('mkdir -p out/deep; printf 12345 > out/b; ln -s b out/a')
    expect(await sandbox.listFiles('out')).toMatchObject([
      { name: 'a', type: 'symlink' },
      { name: 'b', type: 'file', size: 5, mtimeMs: expect.any(Number) },
      { name: 'deep', type: 'directory' },
    ])
    expect(await sandbox.listFiles('out/deep')).toEqual([])
  })

  it.each(languages)('a failed file call has its errno in %s', async (language) => {
    const sandbox = await leases[language]()
    await sandbox.exec('mkdir folder; mkfifo fifo; echo x > file')
    const failures: [string, Promise<unknown>][] = [
      ['ENOENT', sandbox.readFile('missing')],
      ['ENOENT', sandbox.writeFile('no/folder', 'x')],
      ['ENOENT', sandbox.listFiles('missing')],
      ['ENOTDIR', sandbox.listFiles('file')],
      ['EISDIR', sandbox.readFile('folder')],
      ['EINVAL', sandbox.readFile('/dev/zero')],
      ['EACCES', sandbox.readFile('/etc/shadow')],
      ['EFBIG', sandbox.readFile('file', { maxBytes: 1 })],
    ]
    for (const [errno, failure] of failures) {
      const error = await failure.then(
        () => `no ${errno}`,
        (reason: unknown) => reason,
      )
      expect(error).toBeInstanceOf(SandboxFileError)
      expect(error).toMatchObject({ errno, code: 'SANDBOX_FILE_FAILED' })
    }
    await expect(sandbox.writeFile('/etc/x', 'x')).rejects.toMatchObject({
      errno: expect.stringMatching(/^(EROFS|EACCES)$/),
      path: '/etc/x',
    })
    expect((await sandbox.readFile('file')).toString()).toBe('x\n')
  })
})

describe.each(runtimes)('Node modules under %s', (runtime) => {
  const pool = usePool({ runtime, languages: { nodejs: one } })
  const lease = useLease(pool, 'nodejs')

  it.each([
    ['CommonJS', 'const { sep } = require("node:path"); console.log(sep)', '/\n'],
    ['ESM', 'import { sep } from "node:path"\nconsole.log(sep)', '/\n'],
    ['await at the top', 'const x = await Promise.resolve(42)\nconsole.log(x)', '42\n'],
    ['import()', 'import("node:path").then(({ sep }) => console.log(sep))', '/\n'],
  ])('a Node program can use %s', async (_, code, stdout) => {
    const sandbox = await lease()
    expect(await sandbox.runCode(code)).toMatchObject({ stdout, stderr: '', exitCode: 0 })
  })

  it.each([
    'fs.readFileSync("/dev/stdin", "utf8")',
    'fs.readFileSync(0, "utf8")',
    'fs.readFileSync(fs.openSync("/dev/stdin"), "utf8")',
    'await promisify(fs.readFile)("/dev/stdin", "utf8")',
  ])('a Node program reads its whole stdin with %s', async (expression) => {
    const sandbox = await lease()
    const imports = 'import fs from "node:fs"\nimport { promisify } from "node:util"'
    const code = `${imports}\nconsole.log(${expression})`
    expect(await sandbox.runCode(code, { stdin: 'ab' })).toMatchObject({ stdout: 'ab\n' })
  })

  it('a Node program runs in a folder that is not writable', async () => {
    const sandbox = await lease()
    const result = await sandbox.runCode('console.log(process.cwd())', { cwd: '/usr' })
    expect(result).toMatchObject({ stdout: '/usr\n', exitCode: 0 })
  })

  it('a run has the globals of a Node script, and display', async () => {
    const sandbox = await lease()
    const code = 'console.log(Object.getOwnPropertyNames(globalThis).join())'
    await sandbox.writeFile('names.js', code)
    const names = async (run: Promise<ExecResult>) => (await run).stdout.trim().split(',').sort()
    const script = await names(sandbox.exec('node names.js'))
    expect(await names(sandbox.runCode(code))).toEqual([...script, 'display'].sort())
  })

  it('a Node program can import modules of the workspace', async () => {
    const sandbox = await lease()
    await sandbox.writeFile('helper.mjs', 'export const six = 6\n')
    const code = 'import { six } from "./helper.mjs"\nconsole.log(six * 7)'
    expect(await sandbox.runCode(code)).toMatchObject({ stdout: '42\n', stderr: '' })
  })
})

describe.each(runtimes)('Python under %s', (runtime) => {
  const pool = usePool({ runtime, languages: { python: one } })
  const lease = useLease(pool, 'python')

  it.each([
    ['a byte order mark', '\uFEFFprint(1)', { stdout: '1\n', exitCode: 0 }],
    ['an exit code that no integer holds', 'import sys\nsys.exit(2**70)', { exitCode: 255 }],
    ['an exit code above a byte', 'import sys\nsys.exit(259)', { exitCode: 3 }],
  ])('a Python run handles %s as python3 does', async (_, code, result) => {
    const sandbox = await lease()
    expect(await sandbox.runCode(code)).toMatchObject(result)
  })
})
