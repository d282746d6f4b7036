import { randomBytes } from 'node:crypto'
import type { V1Pod } from '@kubernetes/client-node'
import { KubeConfig, Watch } from '@kubernetes/client-node'
import { SandboxError } from '../../errors.js'
import { deferred } from '../../util/deferred.js'
import type { ContainerFacts } from '../container-facts.js'
import type { Container, Engine, LaunchSpec, Runtime, SweepOptions } from '../engine.js'
import { KubernetesApi } from './api.js'
import { attach } from './attachment.js'
import { factsOf } from './container-facts.js'
import { ENGINE_LABEL, OWNER_LABEL, podNameOf } from './labels.js'
import { Launches } from './launches.js'
import { LostNodes } from './lost-nodes.js'
import type { Connect } from './pod-watch.js'
import { PodWatch } from './pod-watch.js'
import { ADVICE, runtimesOf } from './runtimes.js'
import type { KubernetesEngineOptions, Settings } from './settings.js'
import { settingsOf } from './settings.js'
import { straysOf } from './strays.js'

/**
 * Creates the engine port on Kubernetes. Each container is a pod of the cluster.
 *
 * The image of a container needs a shell, `timeout` and `head`, beside its language. The pods of a
 * cluster have no `network: 'none'`: apply the NetworkPolicy of `docs/kubernetes.md`.
 *
 * @throws SandboxError `SANDBOX_INVALID_OPTION`, also if there is no kubeconfig
 *
 * @example
 * ```ts
 * import { createKubernetesEngine } from 'hono-sandbox/kubernetes'
 *
 * const engine = createKubernetesEngine({ namespace: 'sandboxes' })
 * console.log(engine.address)
 * engine.close()
 * ```
 */
export function createKubernetesEngine(options: KubernetesEngineOptions = {}): Engine {
  const { kubeconfig } = settingsOf(options, undefined)
  const config = configOf(kubeconfig)
  const { namespace } = config.getContextObject(config.getCurrentContext()) ?? {}
  return new KubernetesEngine(config, settingsOf(options, namespace))
}

class KubernetesEngine implements Engine {
  readonly address: string
  readonly advice = ADVICE
  readonly #settings: Settings
  readonly #api: KubernetesApi
  readonly #watch: PodWatch
  readonly #launches: Launches

  constructor(config: KubeConfig, settings: Settings) {
    const { namespace, timeoutMs } = settings
    this.address = config.getCurrentCluster()?.server ?? ''
    this.#settings = settings
    const api = new KubernetesApi(config, { address: this.address, namespace, timeoutMs })
    const engine = randomBytes(8).toString('hex')
    const selector = `${ENGINE_LABEL}=${engine}`
    const watch = new PodWatch(() => api.listPods(selector), connectTo(config, namespace, selector))
    const lostNodes = new LostNodes(() => watch.lookAgain())
    const attachTo = (pod: string, signal: AbortSignal) =>
      attach(config, { namespace, pod }, signal)
    this.#api = api
    this.#watch = watch
    this.#launches = new Launches({ engine, settings, api, watch, lostNodes, attach: attachTo })
  }

  runtimes(): Promise<readonly Runtime[]> {
    return runtimesOf(this.#settings.runtimes, (name) => this.#api.hasRuntimeClass(name))
  }

  /** The nodes pull the image, so the first one is taken. */
  async findImage([first]: readonly string[]): Promise<string | undefined> {
    return first
  }

  launch(spec: LaunchSpec, signal?: AbortSignal): Promise<Container> {
    return this.#launches.launch(spec, signal)
  }

  async sweep(options: SweepOptions): Promise<number> {
    const { pods, time } = await this.#api.listPods(OWNER_LABEL)
    const isAbandoned = (pod: V1Pod) => this.#launches.isAbandoned(pod)
    const removals = straysOf(pods, time, { ...options, isAbandoned }).map((pod) => {
      const { name = '', resourceVersion } = pod.metadata ?? {}
      // Another pod that has changed since the list stays, because its launch may have ended.
      return this.#api.removePod(name, isAbandoned(pod) ? undefined : resourceVersion)
    })
    const outcomes = await Promise.allSettled(removals)
    return outcomes.filter(({ status }) => status === 'fulfilled').length
  }

  async inspect(name: string): Promise<ContainerFacts> {
    const pod = await this.#api.findPod(podNameOf(name))
    if (!pod) throw new SandboxError('SANDBOX_ENGINE_FAILED', `there is no pod of ${name}`)
    return factsOf(pod, this.#settings.runtimes)
  }

  close(): void {
    this.#watch.close()
  }
}

/** Returns a function that opens the watch of the pods with these labels. */
function connectTo(config: KubeConfig, namespace: string, labelSelector: string): Connect {
  const watch = new Watch(config)
  const path = `/api/v1/namespaces/${namespace}/pods`
  return async (query, onEvent, signal) => {
    const ended = deferred<void>()
    // The client cannot abort a connection before the API server has answered.
    signal.addEventListener('abort', () => ended.resolve(), { once: true })
    const done = (error: unknown) => (error ? ended.reject(error) : ended.resolve())
    const labels = { labelSelector, allowWatchBookmarks: true }
    const connecting = watch.watch(path, { ...query, ...labels }, onEvent, done)
    try {
      await ended.promise
    } finally {
      void connecting.then((connection) => connection.abort())
    }
  }
}

function configOf(kubeconfig: string | undefined): KubeConfig {
  const config = new KubeConfig()
  try {
    if (kubeconfig === undefined) config.loadFromDefault()
    else config.loadFromFile(kubeconfig)
  } catch (cause) {
    throw new SandboxError('SANDBOX_INVALID_OPTION', 'the kubeconfig cannot be read', {
      cause,
      suggestion: 'Name a kubeconfig file in `kubeconfig` or KUBECONFIG',
    })
  }
  if (config.getCurrentCluster()) return config
  throw new SandboxError('SANDBOX_INVALID_OPTION', 'the kubeconfig has no current context', {
    suggestion: 'Run `kubectl config use-context`, or name a kubeconfig file in KUBECONFIG',
  })
}
