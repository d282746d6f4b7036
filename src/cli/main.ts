#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createDockerEngine } from '../engine/docker/docker-engine.js'
import { SandboxError } from '../errors.js'
import type { SetupContext } from './context.js'
import { debianMachine, mayInstall } from './debian.js'
import { doctor } from './doctor.js'
import type { ExtraImage } from '../languages/setup-images.js'
import { planSetup, setup } from './setup.js'
import { size } from './size.js'
import type { OutputFormat } from './terminal.js'
import { complain, FORMATS } from './terminal.js'

const USAGE = `Usage: hono-sandbox setup [--data] [--compiler] [--from-packages] [--dry-run]
                          [--quiet | --json]
       hono-sandbox size --rate 20 --hold 300ms [--json] ...
       hono-sandbox doctor [--min LEVEL] [--json] ...
       hono-sandbox mcp [--language NAME] [--runtime NAME]

setup finds a container engine, or installs and starts one (root on Debian or Ubuntu),
and gets the base images. It prints its plan before it changes anything. It is safe to
run it again.

  --data           also get an image with numpy, pandas and matplotlib, for Python
  --compiler       also get an image with Python and a C compiler
  --from-packages  build the images from distribution packages, without a registry
  --dry-run        print the plan and change nothing
  --quiet          print errors only
  --json           print a JSON object in each line

DOCKER_HOST names another engine, SANDBOX_BASE_PYTHON_IMAGE and
SANDBOX_BASE_NODEJS_IMAGE name other images.

size computes how many containers a load needs. Times have a unit: 300ms, 1.5s, 1m.

  --rate N                 callers a second
  --hold TIME              how long a caller holds its container
  --replace TIME           how long a launch and a removal take (500ms)
  --wait TIME              how long a caller may wait (100ms)
  --percentile N           how many of a hundred callers must not wait longer (99)
  --launches-per-second N  how many containers the engine can launch (no limit)
  --json                   print JSON

doctor launches a container of each language as a pool would, exceeds its limits on
purpose, and prints a grade and an advice for each defence. It reads the SANDBOX_*
variables. The exit code is 1 if the isolation is below --min.

  --min LEVEL              none, weak, container or kernel (container)
  --language NAME          a language to examine; repeat it for more (python, nodejs)
  --runtime NAME           the OCI runtime (SANDBOX_RUNTIME, else gVisor if there is one)
  --json                   print JSON

mcp is an MCP server on stdin and stdout, for the clients of models on this machine. It
starts a pool with the settings of the SANDBOX_* variables. It needs the packages
@modelcontextprotocol/server and @valibot/to-json-schema beside hono-sandbox.

  --language NAME          a language of the pool; repeat it for more (python, nodejs)
  --runtime NAME           the OCI runtime (SANDBOX_RUNTIME, else gVisor if there is one)

  --help           show this
  --version        show the version
`

const EXTRAS = ['data', 'compiler'] as const

/** The time limit for the process to end by itself. */
const LEAVE_MS = 1000

const say = (line: string) => console.log(line)

process.exitCode = await main(process.argv.slice(2))
// A hanging engine may keep a connection open, which keeps the process alive.
setTimeout(() => process.exit(), LEAVE_MS).unref()

async function main(args: string[]): Promise<number> {
  const [command, ...options] = args
  const output = { say, complain: (line: string) => console.error(line) }
  if (!options.some((option) => option === '--help' || option === '-h')) {
    if (command === 'size') return size(options, output)
    if (command === 'doctor') return doctor(options, output)
    if (command === 'mcp') return mcp(options, output)
  }
  const parsed = parse(args)
  if (parsed?.values.help) {
    process.stdout.write(USAGE)
    return 0
  }
  if (parsed?.values.version) {
    say(packageVersion())
    return 0
  }
  if (parsed?.positionals.join(' ') !== 'setup') {
    process.stderr.write(USAGE)
    return 2
  }
  const { values } = parsed
  const extras = EXTRAS.filter((name) => values[name])
  const source = values['from-packages'] ? 'packages' : 'registry'
  const whenHeard = values.json ? 'json' : 'text'
  const format = values.quiet ? 'quiet' : whenHeard
  return runSetup(values['dry-run'] ? dryRun : setup, { source, extras, format })
}

/** Runs the MCP server. Its packages are optional, so they are imported only here. */
async function mcp(args: string[], output: { complain: (line: string) => void }): Promise<number> {
  try {
    const command = await import('./mcp.js')
    return await command.mcpServer(args, output)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) {
      throw error
    }
    output.complain(
      'error: a package of the MCP server is missing. Run: ' +
        'npm install @modelcontextprotocol/server @valibot/to-json-schema',
    )
    return 1
  }
}

async function dryRun(context: SetupContext): Promise<void> {
  for (const line of (await planSetup(context)).lines) context.say(line, { event: 'plan' })
}

function parse(args: string[]) {
  const flag = { type: 'boolean' } as const
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        data: flag,
        compiler: flag,
        'from-packages': flag,
        'dry-run': flag,
        quiet: flag,
        json: flag,
        help: { ...flag, short: 'h' },
        version: flag,
      },
    })
  } catch {
    // An unknown option is answered like an unknown command.
    return undefined
  }
}

interface SetupChoice {
  source: SetupContext['source']
  extras: readonly ExtraImage[]
  format: OutputFormat
}

async function runSetup(
  work: (context: SetupContext) => Promise<void>,
  { source, extras, format }: SetupChoice,
): Promise<number> {
  const say = FORMATS[format](process.stdout)
  const interrupted = new AbortController()
  // `on` and not `once`: npm forwards a signal that the terminal has already sent to this process. The
  // second signal must not end the process while it removes the temporary folder.
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () =>
      interrupted.abort(new SandboxError('SANDBOX_SETUP_FAILED', `stopped by ${name}`)),
    )
  }
  const { signal } = interrupted
  try {
    const engine = createDockerEngine()
    try {
      const machine = (await mayInstall())
        ? debianMachine({ engine, say, signal, source })
        : undefined
      await work({ engine, env: process.env, source, extras, machine, signal, say })
    } finally {
      engine.close()
    }
    return 0
  } catch (error) {
    if (!(error instanceof SandboxError || isSystemError(error))) throw error
    complain(error.message, format, process.stderr)
    return 1
  }
}

/** Returns whether the operating system refused a call, for example because the disk is full. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error
}

function packageVersion(): string {
  // Found by the package name, because the compiled file lies one folder deeper than the source.
  const path = fileURLToPath(import.meta.resolve('hono-sandbox/package.json'))
  const { version }: { version: string } = JSON.parse(readFileSync(path, 'utf8'))
  return version
}
