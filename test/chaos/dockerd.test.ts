import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ChaosServer, untilHealthy } from '../helpers/chaos-server.js'
import { CheckedClient } from '../helpers/checked-client.js'
import { runtimes } from '../helpers/engine.js'
import { eventsIn } from '../helpers/events.js'
import { canOwnEngine, OwnEngine } from '../helpers/own-engine.js'
import { until, within } from '../helpers/until.js'
import { Load } from './load.js'

const IMAGES = ['hono-sandbox/python:bookworm', 'hono-sandbox/nodejs:24']
const LONG = 'import time\nprint("up", flush=True)\ntime.sleep(50)'

describe.runIf(canOwnEngine)('servers under all runtimes on one engine', () => {
  let engine: OwnEngine
  let servers: ChaosServer[] = []

  beforeAll(async () => {
    engine = await OwnEngine.start({ images: IMAGES })
    servers = runtimes.map(serverUnder)
    await each(({ process }) => process.started())
  })
  afterAll(async () => {
    await each((server) => server.end('SIGKILL'))
    await engine?.close()
  })
  beforeEach(() => healthy())

  function serverUnder(runtime: string): ChaosServer {
    return new ChaosServer({ runtime, size: 1, env: { DOCKER_HOST: engine.address } })
  }

  async function each<T>(act: (server: ChaosServer) => T | Promise<T>): Promise<T[]> {
    return Promise.all(servers.map(act))
  }

  const healthy = () => untilHealthy(servers, () => engine.containers())

  /** Begins a long run, and waits until it runs. Returns the last event. */
  async function beginRun(server: ChaosServer): Promise<{ last: Promise<object | undefined> }> {
    const program = { language: 'python', code: LONG, timeoutMs: 60_000 }
    const answer = await server.post('/run/stream', program)
    const last = answer.text().then((text) => eventsIn(text).at(-1))
    await server.untilLeased()
    return { last }
  }

  /** Expects that a run is refused soon, and that `readyz` says so. */
  async function refuse(server: ChaosServer, code: string): Promise<void> {
    expect(await within('the run is refused', server.refusal(), 15_000)).toBe(code)
    expect(await server.readyStatus()).toBe(503)
  }

  it('dockerd that is killed while all containers are idle', async () => {
    await engine.killDockerd()
    await each((server) => server.untilReady(503))
    await each((server) => refuse(server, 'SANDBOX_ENGINE_UNAVAILABLE'))
    for (let count = 0; count < 20; count++) {
      expect(await each((server) => server.readyStatus())).toEqual(runtimes.map(() => 503))
    }
    await engine.startDockerd()
    await healthy()
  })

  it('dockerd that is killed while containers are leased', async () => {
    const runs = await each(beginRun)
    await engine.killDockerd()
    const lasts = Promise.all(runs.map(({ last }) => last))
    for (const last of await within('the runs end', lasts, 15_000)) {
      expect(last).toMatchObject({ type: 'exit', killedBy: 'crash', exitCode: null })
    }
    await each((server) => server.untilReady(503))
    await engine.startDockerd()
    await healthy()
  })

  it('a server that ends while there is no engine, and one that starts while dockerd is killed', async () => {
    const runs = await each(beginRun)
    await engine.killDockerd()
    expect(await each((server) => server.end('SIGTERM'))).toEqual(runtimes.map(() => 0))
    await Promise.all(runs.map(({ last }) => last))
    await engine.startDockerd()
    await until('no container is left', async () => (await engine.containers()).length === 0)

    servers = runtimes.map(serverUnder)
    const started = each(({ process }) => process.started())
    await until('a container exists', async () => (await engine.containers()).length > 0)
    await engine.killDockerd()
    await started
    expect(await each((server) => server.readyStatus())).toEqual(runtimes.map(() => 503))
    await engine.startDockerd()
    await healthy()
  })

  it('dockerd that is killed under load', async () => {
    const clients = servers.map(({ url }) => new CheckedClient(url))
    const load = new Load(clients, 50)
    await until('each server has answered', () =>
      clients.every(({ durations }) => durations.length > 2),
    )
    await engine.killDockerd()
    await sleep(500) // requests arrive while there is no engine
    await engine.startDockerd()
    await each((server) => server.untilReady(200))
    await load.end()
    await healthy()
  })

  it('a shim that is killed, of an idle and of a leased container', async () => {
    const runs = await each(beginRun)
    await until('all containers have a shim', () => engine.shims().size >= runtimes.length * 4)
    for (const pid of engine.shims().values()) process.kill(pid, 'SIGKILL')
    const lasts = Promise.all(runs.map(({ last }) => last))
    for (const last of await within('the runs end', lasts, 30_000)) {
      expect(last).toMatchObject({ type: 'exit', killedBy: 'crash' })
    }
    await healthy()
  })

  it('all containers that are removed by hand at once', async () => {
    const runs = await each(beginRun)
    const names = await engine.containers()
    await Promise.allSettled(
      names.map((name) => engine.docker.getContainer(name).remove({ force: true })),
    )
    const lasts = Promise.all(runs.map(({ last }) => last))
    for (const last of await within('the runs end', lasts, 15_000)) {
      expect(last).toMatchObject({ type: 'exit', killedBy: 'crash' })
    }
    await healthy()
  })

  it('an image that is deleted, and comes back', async () => {
    const [repo, tag] = ['hono-sandbox/python', 'bookworm']
    const image = engine.docker.getImage(`${repo}:${tag}`)
    const { Id } = await image.inspect()
    await image.remove({ force: true })
    await each(async (server) => {
      await server.run() // by the last warm container
      await server.untilReady(503)
      await refuse(server, 'SANDBOX_IMAGE_MISSING')
    })
    await engine.docker.getImage(Id).tag({ repo, tag })
    await healthy()
  })
})

it.runIf(process.env.HONO_SANDBOX_TESTS === 'complete')(
  'this machine can run an own engine',
  () => {
    expect(canOwnEngine, readFileSync('/proc/self/status', 'utf8')).toBe(true)
  },
)
