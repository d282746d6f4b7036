import path from 'node:path'
import type { ExecRequest, RunRequest } from '../agent/protocol.js'
import type { PoolLanguages } from '../config/pool-options.js'
import type { DefinedLanguage } from '../languages/define.js'
import { commandOf } from '../languages/define.js'
import { isProbe } from '../languages/probe.js'
import { deferred } from '../util/deferred.js'
import type { MemoryFiles } from './memory-files.js'
import type { TestRun } from './scripts.js'
import { Scripts, unscripted } from './scripts.js'
import type { TestContainer } from './test-container.js'
import type { TestProgram } from './test-program.js'

/** The runs of a pool, and the scripts that answer them. */
export class RunLog {
  readonly runs: TestRun[] = []
  readonly code = new Scripts<string>()
  readonly commands = new Scripts<string | readonly string[]>()
  /** The ids of sessions by the names of their containers. */
  readonly sessions = new Map<string, string>()
  readonly #languages: PoolLanguages
  #next = deferred<TestRun>()

  constructor(languages: PoolLanguages) {
    this.#languages = languages
  }

  /** Resolves when the next run begins. */
  get next(): Promise<TestRun> {
    return this.#next.promise
  }

  /** Starts a program. Throws if no script answers it, or if the function of the script throws. */
  begin(request: RunRequest | ExecRequest, program: TestProgram, container: TestContainer): void {
    const run = this.#runOf(request, program, container)
    // The probe of a defined language at the launch of its first container finds its command.
    if (request.op === 'exec' && isProbe(request.argv)) return void program.run(run, [])
    container.isUsed = true
    this.runs.push(run)
    this.#next.resolve(run)
    this.#next = deferred()
    const { code, command = '' } = run
    const answer =
      code === undefined ? this.commands.answer(command, run) : this.code.answer(code, run)
    if (answer === undefined) throw unscripted(run)
    void program.run(run, answer)
  }

  #runOf(
    request: RunRequest | ExecRequest,
    program: TestProgram,
    { name, language, files }: TestContainer,
  ): TestRun {
    const { cwd = '/workspace', env = {}, timeoutMs } = request
    const isCode = request.op === 'run'
    const defined = isCode ? undefined : definedRun(this.#languages[language], request, files)
    const run: TestRun = {
      code: isCode ? request.code : defined?.code,
      command: isCode || defined ? undefined : commandIn(request.argv),
      language,
      session: this.sessions.get(name),
      context: isCode ? request.context : undefined,
      call: isCode ? request.call : undefined,
      args: (isCode ? request.args : defined?.args) ?? [],
      env,
      cwd,
      timeoutMs,
      stdin: program.stdin,
      signal: program.over,
      get files() {
        return workspaceOf(files)
      },
    }
    // Test runners print the other fields, if an expectation fails.
    for (const name of ['stdin', 'signal', 'files']) {
      Object.defineProperty(run, name, { enumerable: false })
    }
    return run
  }
}

/** Returns the code and the arguments of a defined language that a command runs. */
function definedRun(
  language: PoolLanguages[string],
  { argv, cwd = '.' }: ExecRequest,
  files: MemoryFiles,
): { code: string; args: readonly string[] } | undefined {
  if (!language || !isDefined(language)) return undefined
  const command = commandOf(language)
  if (command.some((word, at) => word !== argv[at])) return undefined
  const file = path.posix.join(cwd, language.file)
  return { code: files.read(file).content.toString(), args: argv.slice(command.length) }
}

function isDefined(language: NonNullable<PoolLanguages[string]>): language is DefinedLanguage {
  return 'agent' in language
}

/** Returns a command as it was passed: a string runs in a shell. */
function commandIn(argv: readonly string[]): string | readonly string[] {
  const [shell, flag, text = ''] = argv
  return shell === '/bin/sh' && flag === '-c' && argv.length === 3 ? text : argv
}

function workspaceOf(files: MemoryFiles): ReadonlyMap<string, Buffer> {
  const found = new Map<string, Buffer>()
  for (const [name, { content }] of files.list('/workspace', true)) {
    if (content) found.set(name, content)
  }
  return found
}
