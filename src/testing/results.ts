import type { CodeError, RichResult } from '../sandbox/streams/rich-result.js'
import type { KilledBy, Usage } from '../sandbox/program/result.js'

/** The reasons that a script can kill a program for. The others come from the caller or the pool. */
export type TestKill = Exclude<KilledBy, 'abort' | 'shutdown'>

/**
 * A part of what a program does: its output, its results, or its end. {@link results} makes parts. A
 * part that has `exitCode`, `signal`, `error` or `killedBy` ends the program.
 */
export interface TestPart {
  stdout?: string | Uint8Array
  stderr?: string | Uint8Array
  /** The results that code shows. Only code has them. */
  results?: readonly RichResult[]
  /** The error that code throws and does not catch. Only code has it. */
  error?: CodeError
  /** The value of a function call: JSON. Only `call()` has it. */
  value?: unknown
  /** Files that the program writes, by path. Missing folders are created. */
  files?: Readonly<Record<string, string | Uint8Array>>
  /** The exit code. It is 0 if no part ends the program. */
  exitCode?: number
  /** The signal that ends the program. */
  signal?: NodeJS.Signals
  killedBy?: TestKill
  /** Whether the program runs until something kills it. */
  keepsRunning?: boolean
  /** The TCP port that the program listens on, for `waitForPort()`. */
  port?: number
  /** The resources of the program, with the part that ends it. */
  usage?: Usage
}

/** What a program does: one part, or several in their order. */
export type TestAnswer = TestPart | readonly TestPart[]

/**
 * The parts of answers. Each function returns a plain object, and an array has several in their order.
 *
 * @example
 * ```ts
 * import { createTestPool, results } from 'hono-sandbox/testing'
 *
 * const pool = createTestPool()
 * pool.onCode('print(1); 6 * 7', [results.stdout('1\n'), results.text('42')])
 * pool.onCode('while True: pass', results.killed('timeout'))
 * const sandbox = await pool.acquire('python')
 * console.log((await sandbox.runCode('print(1); 6 * 7')).text)
 * console.log((await sandbox.runCode('while True: pass')).killedBy)
 * await pool.close({ deadlineMs: 0 })
 * ```
 */
export const results = {
  /** Output on stdout. */
  stdout: (stdout: string | Uint8Array): TestPart => ({ stdout }),

  /** Output on stderr. */
  stderr: (stderr: string | Uint8Array): TestPart => ({ stderr }),

  /** The value of the last expression: `text` of the result. */
  text: (text: string): TestPart => ({ results: [{ isMain: true, text }] }),

  /** A result that the code shows, with any representations: `{ html: '<b>1</b>' }`. */
  display: (result: Omit<RichResult, 'isMain'>): TestPart => ({
    results: [{ isMain: false, ...result }],
  }),

  /** A figure that the code shows: the bytes of a PNG image. */
  png: (image: Uint8Array): TestPart =>
    results.display({ png: Buffer.from(image).toString('base64') }),

  /** An error that the code throws and does not catch. It is on stderr too, and the exit code is 1. */
  error: ({ name, message, traceback = `${name}: ${message}` }: TestError): TestPart => ({
    stderr: traceback.endsWith('\n') ? traceback : `${traceback}\n`,
    error: { name, message, traceback },
    exitCode: 1,
  }),

  /** The value that the function of a `call()` returns: JSON. */
  value: (value: unknown): TestPart => ({ value }),

  /** Files that the program writes, by path. */
  files: (files: Readonly<Record<string, string | Uint8Array>>): TestPart => ({ files }),

  /** The end of the program with an exit code. */
  exit: (exitCode: number): TestPart => ({ exitCode }),

  /**
   * The end of the program by a limit, at once, as `killedBy` of the result names it. With `output`,
   * the program writes until it exceeds `maxOutputBytes`. With `crash`, its container exits. In a
   * context, each of these except `output` loses the context.
   */
  killed: (killedBy: TestKill): TestPart => ({ killedBy }),

  /** The program runs until it is killed: by its time limit, a signal, or the end of the lease. */
  running: (): TestPart => ({ keepsRunning: true }),

  /** The same for a server, for which `waitForPort()` waits. */
  listening: (port: number): TestPart => ({ keepsRunning: true, port }),
}

/** The error of {@link results}`.error()`. The `traceback` is by default its last line alone. */
export type TestError = Pick<CodeError, 'name' | 'message'> & Partial<CodeError>
