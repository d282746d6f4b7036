import type { Channel } from '../../agent/channel.js'
import type { LanguageProgram } from '../../languages/define.js'
import { commandOf } from '../../languages/define.js'
import type { ProgramLimits } from '../program/limits.js'
import type { ProgramOptions } from '../program/options.js'
import { Program } from '../program/program.js'
import type { FileCallOptions } from '../files/options.js'
import type { Lease } from '../../pool/lease.js'
import { Turns } from '../../util/serial-queue.js'

type WriteFile = (path: string, text: string, options: FileCallOptions) => Promise<void>

/** Runs of a defined language in one lease, one at a time: each writes the same file. */
export class FileRuns {
  readonly #program: LanguageProgram
  readonly #writeFile: WriteFile
  readonly #turns = new Turns()

  constructor(program: LanguageProgram, writeFile: WriteFile) {
    this.#program = program
    this.#writeFile = writeFile
  }

  start(
    lease: Lease<Channel>,
    code: string,
    args: readonly string[],
    { cwd, env, ...limits }: ProgramLimits & Pick<ProgramOptions, 'cwd' | 'env'>,
  ): Program {
    const { file, env: ownEnv } = this.#program
    const argv = commandOf(this.#program, args)
    const request = { op: 'exec', argv, cwd, env: { ...ownEnv, ...env } } as const
    const path = cwd === undefined ? file : `${cwd}/${file}`
    return this.#turns.take((turn) => {
      const after = turn.then(() => this.#writeFile(path, code, { signal: limits.signal }))
      return new Program(lease, request, { ...limits, after })
    })
  }
}
