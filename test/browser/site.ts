import path from 'node:path'
import { build } from 'rolldown'
import { afterAll, beforeAll } from 'vitest'
import { bundleOf } from '../helpers/bundle.js'
import { root } from '../helpers/docs.js'
import { FlakyProxy } from '../helpers/flaky-proxy.js'
import { ServerProcess } from '../helpers/server.js'
import { until } from '../helpers/until.js'

const SERVER = path.join(root, 'test/browser/server.ts')
const PAGE = path.join(root, 'test/browser/page.ts')

/** The server of `server.ts`, which can be killed and replaced. */
export class Site {
  readonly #start: () => Promise<ServerProcess>
  #server: ServerProcess

  private constructor(start: () => Promise<ServerProcess>, server: ServerProcess) {
    this.#start = start
    this.#server = server
  }

  /** Starts a server. */
  static async start(): Promise<Site> {
    const [program, script] = await Promise.all([programOf(SERVER), bundleOf('*', PAGE)])
    const args = ['--input-type=module', '--eval', program, script]
    const start = async () => {
      const server = new ServerProcess(process.execPath, args, { cwd: root })
      await server.started()
      return server
    }
    return new Site(start, await start())
  }

  /** Connects to the server by a proxy for one test, whose address stays when the server restarts. */
  proxy(): Promise<FlakyProxy> {
    return FlakyProxy.ofTest(() => Number(new URL(this.#server.url).port))
  }

  /** The number of leases that this server has begun. */
  get leases(): number {
    return this.#count('acquired')
  }

  async leasesEnd(): Promise<void> {
    await until('all leases have ended', () => this.#count('ended') === this.leases)
  }

  async kill(): Promise<void> {
    await this.#server.end('SIGKILL')
  }

  /** Starts another server after a kill. */
  async restart(): Promise<void> {
    this.#server = await this.#start()
  }

  #count(line: string): number {
    return this.#server.lines.filter((each) => each === line).length
  }
}

/** Returns a file as JavaScript. It imports its packages by their names. */
async function programOf(file: string): Promise<string> {
  const packages = /^[^./]/
  const { output } = await build({
    input: file,
    platform: 'node',
    external: packages,
    write: false,
  })
  return output[0].code
}

/** Starts a site for a block of tests. */
export function useSite(): () => Site {
  let site: Site | undefined
  beforeAll(async () => {
    site = await Site.start()
  })
  afterAll(() => site?.kill())
  return () => {
    if (!site) throw new Error('the site exists only during tests')
    return site
  }
}
