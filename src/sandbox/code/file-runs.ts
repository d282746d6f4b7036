import type { Channel } from '../../agent/channel.js'
import type { LanguageCommands } from '../../languages/define.js'
import { commandOf } from '../../languages/define.js'
import type { ProgramLimits } from '../program/limits.js'
import type { ProgramOptions } from '../program/options.js'
import { Program } from '../program/program.js'
import type { FileCallOptions } from '../files/options.js'
import type { Lease } from '../../pool/lease.js'
import { SerialQueue } from '../../util/serial-queue.js'

type WriteFile = (path: string, text: string, options: FileCallOptions) => Promise<void>

/**
 * Runs code of a defined language in one lease: writes the code to a file, then runs the commands
 * of the language. The runs are executed one after the other, because all of them write the same
 * file.
 */
export class FileRuns {
  readonly #commands: LanguageCommands
  readonly #writeFile: WriteFile
  readonly #queue = new SerialQueue()

  constructor(commands: LanguageCommands, writeFile: WriteFile) {
    this.#commands = commands
    this.#writeFile = writeFile
  }

  /** Creates the program of a run. It waits until the runs before it have ended. */
  start(
    lease: Lease<Channel>,
    code: string,
    args: readonly string[],
    { cwd, env, ...limits }: ProgramLimits & Pick<ProgramOptions, 'cwd' | 'env'>,
  ): Program {
    const { file, env: ownEnv } = this.#commands
    const argv = commandOf(this.#commands, args)
    const request = { op: 'exec', argv, cwd, env: { ...ownEnv, ...env } } as const
    const path = cwd === undefined ? file : `${cwd}/${file}`
    return this.#queue.run((previous) => {
      const after = previous.then(() => this.#writeFile(path, code, { signal: limits.signal }))
      return new Program(lease, request, { ...limits, after })
    })
  }
}
