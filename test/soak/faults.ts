import { integer, nat, record, sample, shuffledSubarray } from 'fast-check'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FaultyProxy } from '../helpers/faulty-proxy.js'
import { FAULTS } from '../helpers/faulty-proxy.js'
import type { OwnEngine } from '../helpers/own-engine.js'
import type { Report } from './report.js'
import type { Site } from './site.js'

interface FaultsOptions {
  engine: OwnEngine
  proxy: FaultyProxy
  site: Site
  report: Report
  seed: number
}

/** The faults between two moments at which everything must be healthy. */
const SERIES = 6
const ROUNDS = 200
const DAY_MS = 24 * 60 * 60 * 1000
const IMAGE = { repo: 'hono-sandbox/python', tag: 'bookworm' }

/** A fault that lasts `ms`. `pick` chooses its victim. */
type Fault = (ms: number, pick: number) => Promise<void>

/** Injects faults, each one once in a round. The seed decides the order. */
export class Faults {
  readonly #options: FaultsOptions
  readonly #faults: ReadonlyMap<string, Fault>

  constructor(options: FaultsOptions) {
    this.#options = options
    this.#faults = new Map(Object.entries(faultsOf(options)))
  }

  /**
   * Injects faults for a time, or until the signal aborts, under load. Everything must be healthy after
   * each series of faults.
   */
  async inject(ms: number, signal: AbortSignal): Promise<void> {
    const { site, report, seed } = this.#options
    const names = [...this.#faults.keys()]
    const round = shuffledSubarray(names, { minLength: names.length })
    const order = sample(round, { seed, numRuns: ROUNDS }).flat()
    const about = record({
      ms: integer({ min: 100, max: 3000 }),
      pauseMs: integer({ min: 0, max: 3000 }),
      pick: nat(),
    })
    const details = sample(about, { seed, numRuns: order.length })
    const end = performance.now() + ms
    const isOver = () => performance.now() > end || signal.aborted
    while (!isOver()) {
      site.work()
      const series: string[] = []
      while (series.length < SERIES && !isOver()) {
        const name = order.pop() ?? ''
        series.push(name)
        const { ms = 0, pauseMs = 0, pick = 0 } = details.pop() ?? {}
        report.fault(name)
        await this.#faults.get(name)?.(ms, pick)
        await sleep(pauseMs)
      }
      report.say(`after ${series.join(', ')}:`)
      await site.rest()
      report.say('all requests have ended')
      await site.untilHealthy()
      report.say('all is healthy')
    }
  }
}

function faultsOf({ engine, proxy, site }: FaultsOptions): Record<string, Fault> {
  const ofProxy = FAULTS.map((fault): [string, Fault] => [
    `engine ${fault}`,
    async (ms) => {
      proxy.fault = fault
      await sleep(ms)
      proxy.fault = undefined
    },
  ])
  return {
    ...Object.fromEntries(ofProxy),
    'dockerd killed': async (ms) => {
      await engine.killDockerd()
      await sleep(ms)
      await engine.startDockerd()
    },
    'dockerd frozen': async (ms) => {
      const { thaw } = engine.freezeDockerd()
      await sleep(ms)
      thaw()
    },
    'shim killed': async (_, pick) => {
      const pids = [...engine.shims().values()]
      const pid = pids[pick % pids.length]
      if (pid !== undefined) process.kill(pid, 'SIGKILL')
    },
    'container removed': async (_, pick) => {
      const names = await engine.containers()
      const name = names[pick % names.length]
      // The pool may remove it at the same time.
      if (name)
        await engine.docker
          .getContainer(name)
          .remove({ force: true })
          .catch(() => {})
    },
    'image deleted': async (ms) => {
      const image = engine.docker.getImage(`${IMAGE.repo}:${IMAGE.tag}`)
      const { Id } = await image.inspect()
      await image.remove({ force: true })
      await sleep(ms)
      await engine.docker.getImage(Id).tag(IMAGE)
    },
    'connections cut': async () => proxy.cut(),
    'events lost': async () => proxy.mute('/events'),
    'server frozen': async (ms) => {
      site.lasting.process.child.kill('SIGSTOP')
      await sleep(ms)
      site.lasting.process.child.kill('SIGCONT')
    },
    'server stalled': (ms) => site.lasting.control.stall(ms),
    'clock moved': (_, pick) => site.lasting.control.moveClock(pick % 2 ? DAY_MS : -DAY_MS),
    'server killed': () => site.restart('SIGKILL'),
    'server ended': () => site.restart('SIGTERM'),
  }
}
