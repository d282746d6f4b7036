import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Machine, SetupContext, SetupEngine } from '../../../src/cli/context.js'
import { EXTRA_IMAGES } from '../../../src/languages/setup-images.js'
import { planSetup, setup } from '../../../src/cli/setup.js'
import type { PullOptions } from '../../../src/engine/image-store.js'
import { SandboxError } from '../../../src/errors.js'

const REGISTRY = ['python:3.13-slim', 'node:24-slim']
const RUNC = { name: 'runc', hasOwnKernel: false }
const GVISOR = { name: 'runsc', hasOwnKernel: true }
const LOCAL = ['hono-sandbox/python:bookworm', 'hono-sandbox/nodejs:24']

type FakeEngine = SetupEngine & { images: Set<string>; pulled: string[] }

function fakeEngine(
  overrides: Partial<SetupEngine> = {},
  images: readonly string[] = [],
): FakeEngine {
  const engine: FakeEngine = {
    address: 'unix:///fake.sock',
    images: new Set(images),
    pulled: [],
    runtimes: () => Promise.resolve([GVISOR, RUNC]),
    hasImage: (image) => Promise.resolve(engine.images.has(image)),
    pull: (image) => {
      engine.pulled.push(image)
      engine.images.add(image)
      return Promise.resolve()
    },
    importImage: () => Promise.reject(new Error('no test imports')),
    ...overrides,
  }
  return engine
}

function fakeMachine(engine: FakeEngine): Machine & { built: string[] } {
  const built: string[] = []
  return {
    built,
    engineSteps: async ({ answers }) => [
      {
        what: 'start the engine',
        run: async () => {
          while (!(await answers()));
        },
      },
    ],
    hasOldGvisor: () => Promise.resolve(false),
    missingForBuild: () => Promise.resolve(['mmdebstrap']),
    buildImage: (image) => {
      built.push(image.local)
      engine.images.add(image.local)
      return Promise.resolve()
    },
  }
}

function contextOf(engine: SetupEngine, overrides: Partial<SetupContext> = {}) {
  const lines: string[] = []
  const context: SetupContext = {
    engine,
    env: {},
    source: 'registry',
    machine: undefined,
    signal: new AbortController().signal,
    say: (line) => lines.push(line),
    ...overrides,
  }
  return { context, lines }
}

const unavailable = () =>
  Promise.reject(new SandboxError('SANDBOX_ENGINE_UNAVAILABLE', 'connect ENOENT'))
const failingPull = () => Promise.reject(new SandboxError('SANDBOX_ENGINE_FAILED', 'no such host'))

describe('setup()', () => {
  afterEach(() => vi.useRealTimers())

  it('changes nothing if the engine and all images exist', async () => {
    const engine = fakeEngine({ pull: failingPull }, ['python:3.13-slim', 'hono-sandbox/nodejs:24'])
    const { context, lines } = contextOf(engine)
    await setup(context)
    expect(lines).toEqual([
      'set-up   nothing to do: unix:///fake.sock (runc, runsc) has ' +
        'python:3.13-slim, hono-sandbox/nodejs:24',
    ])
  })

  it('prints the plan before it changes anything', async () => {
    const engine = fakeEngine({}, ['python:3.13-slim'])
    const runtimes = vi.fn(() => engine.runtimes()).mockImplementationOnce(unavailable)
    const machine = fakeMachine(engine)
    const { context, lines } = contextOf({ ...engine, runtimes }, { machine })
    const changes: string[] = []
    const startEngine = () => {
      changes.push(lines.join('\n'))
      return Promise.resolve()
    }
    machine.engineSteps = () =>
      Promise.resolve([{ what: 'install docker.io with apt-get', run: startEngine }])
    await setup(context)
    const node = `npm package node-linux-${process.arch}@24`
    expect(changes).toEqual([
      expect.stringMatching(
        new RegExp(
          '^engine   no engine answers at unix:///fake.sock\nset-up   will do this .*\n' +
            '         - install docker.io with apt-get\n.* for each image .*\n' +
            '         - pull python:3.13-slim; if that fails, build hono-sandbox/python:bookworm .*\n' +
            `         - pull node:24-slim; if that fails, .* and the ${node}.*\n` +
            '         To build, it installs mmdebstrap with apt-get.\n' +
            '.* start Docker yourself or name an engine in DOCKER_HOST.$',
        ),
      ),
    ])
    expect(lines.slice(8, 10)).toEqual([
      'engine   unix:///fake.sock (runc, runsc)',
      'python   python:3.13-slim is available',
    ])
  })

  it('plans only the missing steps', async () => {
    const engine = fakeEngine({}, ['python:3.13-slim'])
    const env = { SANDBOX_BASE_NODEJS_IMAGE: 'ours/node@sha256:0f' }
    const { lines } = await planSetup(contextOf(engine, { env, extras: ['compiler'] }).context)
    expect(lines).toEqual([
      'engine   unix:///fake.sock (runc, runsc) has python:3.13-slim',
      'set-up   will do this:',
      '         - pull ours/node@sha256:0f, which SANDBOX_BASE_NODEJS_IMAGE names',
      '         - pull python:3.13',
    ])
    expect(engine.pulled).toEqual([])
  })

  it('rejects without a plan if a step is known to be impossible', async () => {
    const { context, lines } = contextOf(fakeEngine(), { source: 'packages' })
    await expect(setup(context)).rejects.toThrow(/no image for python\nonly root on Debian/)
    expect(lines).toEqual([])
  })

  it('pulls the missing images, and builds none', async () => {
    const engine = fakeEngine()
    const machine = fakeMachine(engine)
    await setup(contextOf(engine, { machine }).context)
    expect(engine.pulled).toEqual(REGISTRY)
    expect(machine.built).toEqual([])
  })

  it('builds the images if no registry answers', async () => {
    const engine = fakeEngine({ pull: failingPull })
    const machine = fakeMachine(engine)
    await setup(contextOf(engine, { machine }).context)
    expect(machine.built).toEqual(LOCAL)
  })

  it('builds without a pull from a registry if the source is "packages"', async () => {
    const engine = fakeEngine()
    const machine = fakeMachine(engine)
    await setup(contextOf(engine, { machine, source: 'packages' }).context)
    expect(engine.pulled).toEqual([])
    expect(machine.built).toEqual(LOCAL)
  })

  it('builds with the source "packages" although the images of a registry exist', async () => {
    const engine = fakeEngine({}, REGISTRY)
    const machine = fakeMachine(engine)
    await setup(contextOf(engine, { machine, source: 'packages' }).context)
    expect(machine.built).toEqual(LOCAL)
  })

  it('names both attempts if the pull and the build fail', async () => {
    const { context } = contextOf(fakeEngine({ pull: failingPull }))
    await expect(setup(context)).rejects.toMatchObject({
      code: 'SANDBOX_SETUP_FAILED',
      message: expect.stringMatching(
        /pulling python:3\.13-slim: no such host\nbuilding hono-sandbox\/python:bookworm: only root/,
      ),
    })
  })

  it('never builds an image that the operator has named', async () => {
    const engine = fakeEngine({ pull: failingPull }, LOCAL)
    const machine = fakeMachine(engine)
    const env = { SANDBOX_BASE_NODEJS_IMAGE: 'ours/node:1' }
    await expect(setup(contextOf(engine, { env, machine }).context)).rejects.toThrow(
      'SANDBOX_BASE_NODEJS_IMAGE names ours/node:1',
    )
    expect(machine.built).toEqual([])
  })

  it('pulls or builds the extra images', async () => {
    const online = fakeEngine({}, LOCAL)
    await setup(contextOf(online, { extras: ['data', 'compiler'] }).context)
    expect(online.pulled).toEqual([EXTRA_IMAGES.data.registry, EXTRA_IMAGES.compiler.registry])
    const offline = fakeEngine({ pull: failingPull }, LOCAL)
    const machine = fakeMachine(offline)
    const { context, lines } = contextOf(offline, { machine, extras: ['data'] })
    await setup(context)
    expect(machine.built).toEqual(['hono-sandbox/python-data:bookworm'])
    expect(lines.at(-1)).toBe('data     hono-sandbox/python-data:bookworm is built')
    await setup(context)
    expect(machine.built).toHaveLength(1)
  })

  it('gets no image with data packages if the operator has named an image for Python', async () => {
    const engine = fakeEngine({ pull: failingPull }, ['ours/python:1', ...LOCAL])
    const machine = fakeMachine(engine)
    const env = { SANDBOX_BASE_PYTHON_IMAGE: 'ours/python:1' }
    await setup(contextOf(engine, { env, machine, extras: ['data'] }).context)
    expect([machine.built, engine.pulled]).toEqual([[], []])
  })

  it('names no variable in the error of an extra image, which has none', async () => {
    const { context } = contextOf(fakeEngine({ pull: failingPull }, LOCAL), {
      extras: ['compiler'],
    })
    await expect(setup(context)).rejects.toThrow(/no image for compiler\n[^]*can build it$/)
  })

  it('builds an image if its pull makes no progress, but waits while the pull makes progress', async () => {
    vi.useFakeTimers()
    const pull = (_image: string, { onProgress, signal }: PullOptions = {}) =>
      new Promise<void>((_resolve, reject) => {
        setTimeout(() => onProgress?.('half'), 15_000)
        signal?.addEventListener('abort', () => reject(new Error('aborted')))
      })
    const engine = fakeEngine({ pull })
    const machine = fakeMachine(engine)
    const done = setup(contextOf(engine, { machine }).context)
    await vi.advanceTimersByTimeAsync(34_000)
    expect(machine.built).toEqual([])
    await vi.advanceTimersByTimeAsync(40_000)
    await done
    expect(machine.built).toEqual(LOCAL)
  })

  it('starts an engine if none answers', async () => {
    const engine = fakeEngine({}, LOCAL)
    const runtimes = vi.fn(() => engine.runtimes()).mockImplementationOnce(unavailable)
    const machine = fakeMachine(engine)
    const { context, lines } = contextOf({ ...engine, runtimes }, { machine })
    await setup(context)
    expect(lines[0]).toBe('engine   no engine answers at unix:///fake.sock')
  })

  it('suggests the next steps if it may not start an engine', async () => {
    const engine = fakeEngine({ runtimes: unavailable })
    await expect(setup(contextOf(engine).context)).rejects.toMatchObject({
      code: 'SANDBOX_SETUP_FAILED',
      message: expect.stringMatching(/unix:\/\/\/fake\.sock.*\nstart Docker.*\nas root on Debian/),
    })
    const machine = fakeMachine(engine)
    const { context } = contextOf(engine, { machine, env: { DOCKER_HOST: 'unix:///fake.sock' } })
    await expect(setup(context)).rejects.toThrow('DOCKER_HOST names that address')
  })

  it('rejects with a reason if the user may not use the engine', async () => {
    const cause = Object.assign(new Error('connect EACCES'), { code: 'EACCES' })
    const refused = new SandboxError('SANDBOX_ENGINE_UNAVAILABLE', 'connect EACCES', { cause })
    const engine = fakeEngine({ runtimes: () => Promise.reject(refused) })
    await expect(setup(contextOf(engine).context)).rejects.toThrow(/\nthis user may not use/)
  })

  it('builds nothing if the engine stops answering', async () => {
    const engine = fakeEngine({ pull: unavailable })
    const machine = fakeMachine(engine)
    await expect(setup(contextOf(engine, { machine }).context)).rejects.toThrow('connect ENOENT')
    expect(machine.built).toEqual([])
  })

  it('does not wait for a pull that ignores its signal', async () => {
    const stop = new AbortController()
    const reason = new SandboxError('SANDBOX_SETUP_FAILED', 'stopped by SIGINT')
    const pull = () => {
      stop.abort(reason)
      return new Promise<void>(() => {})
    }
    const { context } = contextOf(fakeEngine({ pull }), { signal: stop.signal })
    await expect(setup(context)).rejects.toBe(reason)
  })

  it('names the defects of an old gVisor on this machine', async () => {
    const engine = fakeEngine({}, LOCAL)
    const machine = { ...fakeMachine(engine), hasOldGvisor: () => Promise.resolve(true) }
    const here = contextOf(engine, { machine })
    await setup(here.context)
    expect(here.lines[1]).toMatch(/^gvisor {3}warning: .* ls and stat of newer images fail/)
    const elsewhere = contextOf(engine, { machine, env: { DOCKER_HOST: 'tcp://elsewhere' } })
    await setup(elsewhere.context)
    expect(elsewhere.lines).toHaveLength(1)
  })

  it('prints how to get gVisor if the engine has none', async () => {
    const engine = fakeEngine({ runtimes: () => Promise.resolve([RUNC]) }, LOCAL)
    const { context, lines } = contextOf(engine)
    await setup(context)
    expect(lines[1]).toMatch(/^gvisor {3}not registered/)
  })

  it('rejects with the reason of its signal', async () => {
    const reason = new SandboxError('SANDBOX_SETUP_FAILED', 'stopped by SIGINT')
    const { context } = contextOf(fakeEngine(), { signal: AbortSignal.abort(reason) })
    await expect(setup(context)).rejects.toBe(reason)
  })
})
