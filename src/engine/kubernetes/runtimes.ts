import type { EngineAdvice, Runtime } from '../engine.js'

/** A runtime as the options of the engine name it. */
export interface RuntimeOptions {
  /** The name of the RuntimeClass. Without it, pods use the runtime that the nodes use by default. */
  readonly runtimeClass?: string | undefined
  /** Whether programs run on a kernel of their own, as under gVisor and Kata. */
  readonly hasOwnKernel: boolean
}

/** The runtimes of a cluster by name, in order of preference. */
export type RuntimesByName = Readonly<Record<string, RuntimeOptions>>

/** The runtimes if the options name none: a RuntimeClass as in gVisor's guide, and the default. */
export const DEFAULT_RUNTIMES: RuntimesByName = {
  runsc: { runtimeClass: 'gvisor', hasOwnKernel: true },
  runc: { hasOwnKernel: false },
}

export const ADVICE: EngineAdvice = {
  strongerRuntime: 'RuntimeClass with a kernel of its own, such as gVisor',
  howToGetRuntime: 'Install gVisor on the nodes and name its RuntimeClass in `runtimes`',
  howToDenyTraffic:
    'Apply a NetworkPolicy that denies all traffic of the pods, and a network plugin that obeys it',
  howToGetImage:
    'Push an image to a registry that the nodes can pull from, and name it in `images`',
}

/** Returns the runtimes whose RuntimeClass exists. */
export async function runtimesOf(
  byName: RuntimesByName,
  exists: (runtimeClass: string) => Promise<boolean>,
): Promise<readonly Runtime[]> {
  const listed = await Promise.all(
    Object.entries(byName).map(async ([name, { runtimeClass, hasOwnKernel }]) => {
      const isThere = runtimeClass === undefined || (await exists(runtimeClass))
      return isThere ? [{ name, hasOwnKernel }] : []
    }),
  )
  return listed.flat()
}
