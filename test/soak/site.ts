import { setTimeout as sleep } from 'node:timers/promises'
import { constantFrom, integer, option, record, sample } from 'fast-check'
import { ChaosServer, untilHealthy } from '../helpers/chaos-server.js'
import { CheckedClient, WAYS } from '../helpers/checked-client.js'
import type { CheckedRequest } from '../helpers/checked-client.js'
import type { FaultyProxy } from '../helpers/faulty-proxy.js'
import type { OwnEngine } from '../helpers/own-engine.js'
import { until } from '../helpers/until.js'
import type { Report, Sample } from './report.js'
import { growthOf, medianOf } from './report.js'

interface SiteOptions {
  engine: OwnEngine
  proxy: FaultyProxy
  report: Report
  seed: number
}

const SIZE = 2
/** The time after which a client that got no answer sends its next request. */
const RETRY_MS = 250
const LOOPS = 3
const REQUESTS = 5000
/** The requests of a measurement. */
const MEASURED = 100

const requests = record<CheckedRequest>({
  way: constantFrom(...WAYS),
  language: constantFrom('python', 'nodejs'),
  leaveAfterMs: option(integer({ min: 0, max: 1500 }), { freq: 3, nil: undefined }),
  pauseMs: integer({ min: 0, max: 200 }),
})

/**
 * Two servers on one engine with their clients. The first one lives as long as the soak, and is
 * measured. The second one is restarted for ever.
 */
export class Site {
  readonly lasting: ChaosServer
  restarting: ChaosServer
  readonly #options: SiteOptions
  readonly #second: string
  readonly #loops: Promise<void>[] = []
  /** Whether the clients send requests. */
  #isBusy = false
  #isClosed = false

  private constructor(options: SiteOptions, second: string) {
    this.#options = options
    this.#second = second
    this.lasting = this.#server('runc')
    this.restarting = this.#server(second)
  }

  static async start(options: SiteOptions): Promise<Site> {
    const { Runtimes } = await options.engine.docker.info()
    const site = new Site(options, Runtimes.runsc ? 'runsc' : 'runc')
    await Promise.all([site.lasting.process.started(), site.restarting.process.started()])
    await site.untilHealthy()
    return site
  }

  /** Lets the clients send requests until `rest()`. */
  work(): void {
    this.#isBusy = true
    const servers = [() => this.lasting, () => this.restarting]
    for (const [at, server] of servers.entries()) {
      for (let loop = 0; loop < LOOPS; loop++) {
        this.#loops.push(this.#load(server, this.#options.seed + at * LOOPS + loop))
      }
    }
  }

  /** Waits for the answers to all requests. */
  async rest(): Promise<void> {
    this.#isBusy = false
    await Promise.all(this.#loops.splice(0))
  }

  /** Ends the second server, and starts it again. */
  async restart(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.restarting.check()
    const end = await this.restarting.end(signal)
    if (signal === 'SIGTERM' && end !== 0)
      throw new Error(`after SIGTERM, a server exited with ${end}`)
    const next = this.#server(this.#second)
    try {
      await next.process.started()
    } catch (error) {
      await next.end('SIGKILL')
      throw error
    }
    this.restarting = next
  }

  /** Waits until all pools are full, and the engine has no other container. */
  async untilHealthy(): Promise<void> {
    const { engine } = this.#options
    await untilHealthy([this.lasting, this.restarting], () => engine.containers())
  }

  /** Measures the first server before the faults, after some requests. */
  async measureBefore(): Promise<void> {
    const [median = 0] = await this.#calm([this.lasting])
    await this.untilHealthy()
    this.#options.report.samples.before = { ...(await this.lasting.control.measure()), median }
  }

  /**
   * Measures it again. Its memory and its descriptors are compared with those before; its durations with
   * those of a fresh server at the same time, because the load of the machine may have changed.
   */
  async measureAfter(): Promise<void> {
    const { report } = this.#options
    const { before } = report.samples
    if (!before) throw new Error('there is no measurement before')
    const fresh = this.#server('runc')
    let durations: number[]
    try {
      await fresh.process.started()
      durations = await this.#calm([this.lasting, fresh])
    } finally {
      await fresh.end('SIGTERM')
    }
    await this.untilHealthy()
    const [median = 0, ofFresh = 0] = durations
    const expected = { ...before, median: ofFresh }
    let after: Sample = { ...(await this.lasting.control.measure()), median }
    await until('the connections of the clients are closed', async () => {
      after = { ...(await this.lasting.control.measure()), median }
      return growthOf(expected, after).length === 0
    }).catch(() => {}) // the next lines report it
    report.samples.after = after
    report.say(`at the same time, the median of a fresh server is ${ofFresh.toFixed(0)} ms`)
    for (const growth of growthOf(expected, after)) report.violation(new Error(growth))
  }

  /** Sends the same requests to each server in turn. Returns the median of each. */
  async #calm(servers: readonly ChaosServer[]): Promise<number[]> {
    const clients = servers.map(({ url }) => new CheckedClient(url))
    const calm = sample(requests, { seed: this.#options.seed, numRuns: MEASURED })
    const loops = Array.from({ length: LOOPS }, async () => {
      for (let next = calm.pop(); next; next = calm.pop()) {
        for (const client of clients) await client.send({ ...next, leaveAfterMs: undefined })
      }
    })
    await Promise.all(loops)
    for (const { counts } of clients) {
      if (counts.answered === MEASURED) continue
      throw new Error(`without a fault, the outcomes are ${JSON.stringify(counts)}`)
    }
    return clients.map(({ durations }) => medianOf(durations))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([this.lasting, this.restarting].map((server) => server.end('SIGKILL')))
    await this.rest()
  }

  #server(runtime: string): ChaosServer {
    const env = { DOCKER_HOST: this.#options.proxy.address }
    return new ChaosServer({ runtime, size: SIZE, env })
  }

  async #load(server: () => ChaosServer, seed: number): Promise<void> {
    const { report } = this.#options
    for (const request of sample(requests, { seed, numRuns: REQUESTS })) {
      if (!this.#isBusy || this.#isClosed) return
      const { url } = server()
      const client = new CheckedClient(url)
      try {
        const outcome = await client.send(request)
        if (outcome === 'disconnected' && server() === this.lasting) {
          report.violation(new Error('a server that was not restarted lost a connection'))
        }
        if (outcome === 'refused' || outcome === 'disconnected') await sleep(RETRY_MS)
      } catch (error) {
        report.violation(error instanceof Error ? error : new Error(String(error)))
      }
      report.count(server() === this.lasting ? 'lasting' : 'restarting', client.counts)
    }
  }
}
