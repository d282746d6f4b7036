import type { Engine } from 'hono-sandbox'

/** Returns the engine of `CODE_RUNNER_ENGINE`; `undefined` for Docker, which a pool takes itself. */
export async function chooseEngine(name: 'docker' | 'kubernetes'): Promise<Engine | undefined> {
  if (name === 'docker') return undefined
  // The client of Kubernetes is an optional package, so it is loaded only here.
  const { createKubernetesEngine } = await import('hono-sandbox/kubernetes')
  return createKubernetesEngine()
}
