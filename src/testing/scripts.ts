import type { Readable } from 'node:stream'
import type { TestAnswer, TestPart } from './results.js'

/** The function call of a run that comes from `call()`. */
export interface TestCall {
  readonly entry: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
}

/** A run of code or of a command, as a script gets it and as `runs` of the pool keeps it. */
export interface TestRun {
  /** The code of `runCode()` or `call()`; `undefined` for a command. */
  readonly code: string | undefined
  /** The command of `exec()` or `startProcess()`; `undefined` for code. */
  readonly command: string | readonly string[] | undefined
  readonly language: string
  /** The id of the session; `undefined` without a session. */
  readonly session: string | undefined
  /** The id of the context; `undefined` without a context. */
  readonly context: string | undefined
  /** The function call of `call()`; `undefined` for other runs. */
  readonly call: TestCall | undefined
  readonly args: readonly string[]
  /** The variables of the pool, the lease and the call. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly timeoutMs: number | undefined
  /** The input of the program as text. It ends when the caller ends it, or when the program ends. */
  readonly stdin: Readable
  /** The files in `/workspace` at this moment, by their paths in it. */
  readonly files: ReadonlyMap<string, Buffer>
  /** Aborts when the program is over. */
  readonly signal: AbortSignal
}

/** A command as the test passed it. */
type Command = string | readonly string[]

/**
 * A function that answers runs. An async generator decides when each part happens. `undefined` leaves
 * the run to the scripts before it.
 */
export type TestFunction<Input extends Command = string> = (
  input: Input,
  run: TestRun,
) => TestAnswer | Promise<TestAnswer> | AsyncIterable<TestPart> | undefined

/** The arguments of `onCode()` and `onExec()`: what is run, and what it does. */
export type TestScript<Input extends Command = string> =
  | [answer: TestFunction<Input>]
  | [match: string | RegExp, answer: TestAnswer | TestFunction<Input>]

/** The scripts of one kind of run. The last one that matches answers. */
export class Scripts<Input extends Command> {
  readonly #scripts: TestFunction<Input>[] = []

  add(...[match, answer]: TestScript<Input>): void {
    if (typeof match === 'function') return void this.#scripts.unshift(match)
    this.#scripts.unshift((input, run) => {
      if (!matches(match, textOf(input))) return undefined
      return typeof answer === 'function' ? answer(input, run) : answer
    })
  }

  /** Returns the answer of the last script that matches; `undefined` if none does. */
  answer(input: Input, run: TestRun): ReturnType<TestFunction> {
    for (const script of this.#scripts) {
      const answer = script(input, run)
      if (answer !== undefined) return answer
    }
    return undefined
  }
}

/** Returns the error of a run that no script answers. It names the script to add. */
export function unscripted({ code, command = '', language }: TestRun): Error {
  const kind = code === undefined ? 'command' : `${language} code`
  const method = code === undefined ? 'onExec' : 'onCode'
  const text = JSON.stringify(code ?? textOf(command))
  const message = `no script answers this ${kind}: ${text}`
  return new Error(
    `${message}. Add one to the test: pool.${method}(${text}, results.stdout('...'))`,
  )
}

function textOf(command: Command): string {
  return typeof command === 'string' ? command : command.join(' ')
}

function matches(match: string | RegExp, text: string): boolean {
  // Unlike test(), search() does not go on from the last match of a global pattern.
  return typeof match === 'string' ? match === text : text.search(match) !== -1
}
