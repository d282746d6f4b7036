import type { Channel } from '../../agent/channel.js'
import type { LanguageCommands } from '../../languages/define.js'
import { commandOf } from '../../languages/define.js'
import type { ProgramLimits } from '../program/limits.js'
import type { ProgramOptions } from '../program/options.js'
import { Program } from '../program/program.js'
import { Files } from '../files/files.js'
import type { Lease } from '../../pool/lease.js'
import { useOf } from '../../pool/lease.js'
import { SerialQueue } from '../../util/serial-queue.js'

/**
 * Runs code of a defined language in one container: writes the code to a file, then runs the commands
 * of the language. The runs are executed one after the other, because all of them write the same
 * file.
 */
export class FileRuns {
  readonly #commands: LanguageCommands
  readonly #queue = new SerialQueue()

  constructor(commands: LanguageCommands) {
    this.#commands = commands
  }

  /** Creates the program of a run. It waits until the runs before it have ended. */
  start(
    lease: Lease<Channel>,
    code: string,
    args: readonly string[],
    { cwd, env, ...limits }: ProgramLimits & Pick<ProgramOptions, 'cwd' | 'env'>,
  ): Program {
    const { file } = this.#commands
    const argv = commandOf(this.#commands, args)
    const request = { op: 'exec', argv, cwd, env } as const
    const path = cwd === undefined ? file : `${cwd}/${file}`
    const files = new Files(useOf(lease))
    return this.#queue.run((previous) => {
      const after = previous.then(() =>
        files.write({ op: 'write', path }, code, { signal: limits.signal }),
      )
      return new Program(lease, request, { ...limits, after })
    })
  }
}
