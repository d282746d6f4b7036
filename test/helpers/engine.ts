import Docker from 'dockerode'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import type { Language, Sandbox, SandboxPoolOptions } from 'hono-sandbox'
import { createDockerEngine, SandboxPool } from 'hono-sandbox'
import type { AgentName } from '../../src/languages/built-in.js'

/** A client of the engine that does not use the library. It reads `DOCKER_HOST`. */
export const docker = new Docker()

/** The runtimes to test under: `runc` and `runsc`, if the engine has them. */
export const runtimes = await listRuntimes()
export const languages: readonly AgentName[] = ['python', 'nodejs']
/** All pairs of runtime and language, for `describe.each`. */
export const places = runtimes.flatMap((runtime) =>
  languages.map((language) => ({ runtime, language })),
)

export const OWNER = 'hono-sandbox.owner'

async function listRuntimes(): Promise<readonly string[]> {
  const engine = createDockerEngine()
  const listed = await engine.runtimes()
  engine.close()
  return ['runc', 'runsc'].filter((runtime) => listed.some(({ name }) => name === runtime))
}

/** Returns the first of these images that the engine has. */
export async function availableImage(names: readonly string[]): Promise<string> {
  const engine = createDockerEngine()
  try {
    const found = await engine.findImage(names)
    if (found === undefined) throw new Error(`the engine has none of ${names.join(', ')}`)
    return found
  } finally {
    engine.close()
  }
}

/** Starts a pool for a block of tests, and closes it after them. */
export function usePool(options: SandboxPoolOptions): () => SandboxPool {
  let pool: SandboxPool | undefined
  beforeAll(async () => {
    pool = await startPool(options)
  })
  afterAll(() => pool?.close({ deadlineMs: 0 }))
  return () => {
    if (!pool) throw new Error('the pool exists only during tests')
    return pool
  }
}

/** Starts a pool and waits until it is full. The caller closes it. Throws if a launch fails. */
export async function startPool(options: SandboxPoolOptions): Promise<SandboxPool> {
  const pool = new SandboxPool(options)
  const report = await pool.start()
  const errors = Object.values(report).flatMap((language) => language.errors)
  if (errors.length === 0) return pool
  await pool.close({ deadlineMs: 0 })
  throw new AggregateError(errors, errors.map(({ message }) => message).join('\n'))
}

/** Starts a pool for one test, and closes it after the test. */
export async function poolOfTest(options: SandboxPoolOptions): Promise<SandboxPool> {
  const pool = await startPool(options)
  onTestFinished(() => pool.close({ deadlineMs: 0 }))
  return pool
}

/** Acquires a lease for one test, and ends it after the test. */
export async function leaseOfTest(pool: SandboxPool, language: Language): Promise<Sandbox> {
  const sandbox = await pool.acquire(language, { timeoutMs: 60_000 })
  onTestFinished(() => void sandbox.release())
  return sandbox
}

/**
 * One lease for a block of tests that leave nothing behind but files, which are deleted before each
 * test. A lease that has ended is replaced.
 */
export function useLease(pool: () => SandboxPool, language: Language): () => Promise<Sandbox> {
  let shared: Sandbox | undefined
  afterAll(() => void shared?.release())
  return async () => {
    try {
      if (shared && !shared.signal.aborted) {
        await empty('/workspace', shared)
        await empty('/tmp', shared)
        return shared
      }
    } catch {
      shared?.release() // the container has ended, and the lease will
    }
    return (shared = await pool().acquire(language, { timeoutMs: 60_000 }))
  }
}

/** Deletes what programs have left in a folder. A file of root stays, as what a preload wrote. */
async function empty(folder: string, sandbox: Sandbox): Promise<void> {
  const entries = await sandbox.listFiles(folder)
  const paths = entries.map(({ path }) => `${folder}/${path}`)
  await Promise.allSettled(paths.map((path) => sandbox.deleteFile(path, { recursive: true })))
}

/** Returns the owner in a container's name: the part after the last underscore. */
export function ownerOf(name: string): string {
  return name.split('_').at(-1) ?? ''
}

/** Returns the names of all containers of an owner, in any state. */
export async function containersOf(owner: string): Promise<string[]> {
  const found = await docker.listContainers({
    all: true,
    filters: { label: [`${OWNER}=${owner}`] },
    abortSignal: AbortSignal.timeout(15_000),
  })
  return found.flatMap(({ Names }) => Names.map((name) => name.slice(1)))
}
