import Docker from 'dockerode'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import type { Language, Sandbox, SandboxPoolOptions } from 'hono-sandbox'
import { createDockerEngine, SandboxPool } from 'hono-sandbox'
import type { AgentName } from '../../src/languages/built-in.js'

/** The engine as the tests see it, past the library. Reads `DOCKER_HOST`. */
export const docker = new Docker()

/** The runtimes to test under: those of the two that the engine lists. */
export const runtimes = await listRuntimes()
export const languages: readonly AgentName[] = ['python', 'nodejs']
/** Every pair, for `describe.each`. */
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

/** The first of these images that the engine has, as set-up has left it. */
export async function imageThere(names: readonly string[]): Promise<string> {
  const engine = createDockerEngine()
  try {
    const found = await engine.findImage(names)
    if (found === undefined) throw new Error(`the engine has none of ${names.join(', ')}`)
    return found
  } finally {
    engine.close()
  }
}

/** A pool for a block of tests: started before them, closed after them. */
export function usePool(options: SandboxPoolOptions): () => SandboxPool {
  let pool: SandboxPool | undefined
  beforeAll(async () => {
    pool = await startPool(options)
  })
  afterAll(() => pool?.close({ deadlineMs: 0 }))
  return () => {
    if (!pool) throw new Error('the pool is there in tests only')
    return pool
  }
}

/** A pool that has come up whole; its owner closes it. */
export async function startPool(options: SandboxPoolOptions): Promise<SandboxPool> {
  const pool = new SandboxPool(options)
  const report = await pool.start()
  const errors = Object.values(report).flatMap((language) => language.errors)
  if (errors.length === 0) return pool
  await pool.close({ deadlineMs: 0 })
  throw new AggregateError(errors, errors.map(({ message }) => message).join('\n'))
}

/** A pool for one test, closed after it. */
export async function poolOfTest(options: SandboxPoolOptions): Promise<SandboxPool> {
  const pool = await startPool(options)
  onTestFinished(() => pool.close({ deadlineMs: 0 }))
  return pool
}

/** A lease for one test, ended after it. */
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
    if (!shared || shared.signal.aborted) {
      shared = await pool().acquire(language, { timeoutMs: 60_000 })
    } else await shared.exec('find /workspace /tmp -mindepth 1 -user nobody -delete')
    return shared
  }
}

/** Names end with their pool's owner. */
export function ownerOf(name: string): string {
  return name.split('_').at(-1) ?? ''
}

/** What the engine has of an owner, whatever its state. */
export async function containersOf(owner: string): Promise<string[]> {
  const found = await docker.listContainers({
    all: true,
    filters: { label: [`${OWNER}=${owner}`] },
    abortSignal: AbortSignal.timeout(15_000),
  })
  return found.flatMap(({ Names }) => Names.map((name) => name.slice(1)))
}
