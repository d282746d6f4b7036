import type { ConfigurationOptions, KubeConfig, V1Pod } from '@kubernetes/client-node'
import { CoreV1Api, IsomorphicFetchHttpLibrary, NodeV1Api } from '@kubernetes/client-node'
import { SandboxError } from '../../errors.js'
import { deadlineIn } from '../../util/deadline.js'
import { deferred } from '../../util/deferred.js'
import { apiError, statusOf } from './api-errors.js'

/** The pods of a list, and the version of the list, after which a watch continues. */
export interface PodList {
  pods: readonly V1Pod[]
  resourceVersion: string
  /** The clock of the API server before the list, in milliseconds since 1970. */
  time: number
}

/** The calls to the API server. Each has a deadline and fails with a SandboxError. */
export class KubernetesApi {
  readonly address: string
  readonly namespace: string
  readonly #core: CoreV1Api
  readonly #node: NodeV1Api
  readonly #timeoutMs: number
  readonly #http = new IsomorphicFetchHttpLibrary()
  #probing = false
  /** When the API server answered last, on the clock of `performance`. */
  answeredAt = 0

  constructor(
    config: KubeConfig,
    { address, namespace, timeoutMs }: { address: string; namespace: string; timeoutMs: number },
  ) {
    this.address = address
    this.namespace = namespace
    this.#core = config.makeApiClient(CoreV1Api)
    this.#node = config.makeApiClient(NodeV1Api)
    this.#timeoutMs = timeoutMs
  }

  createPod(body: V1Pod): Promise<V1Pod> {
    return this.#bounded(`create ${body.metadata?.name}`, (options) =>
      this.#core.createNamespacedPod({ namespace: this.namespace, body }, options),
    )
  }

  /** Returns a pod; `undefined` if there is none. It lists, so that the account needs no `get`. */
  async findPod(name: string): Promise<V1Pod | undefined> {
    const { namespace } = this
    const fieldSelector = `metadata.name=${name}`
    const { items } = await this.#bounded(`find ${name}`, (options) =>
      this.#core.listNamespacedPod({ namespace, fieldSelector }, options),
    )
    return items[0]
  }

  /**
   * Removes a pod at once, if there is one. If `resourceVersion` is given, the API server refuses to
   * remove a pod that has changed since.
   */
  async removePod(name: string, resourceVersion?: string): Promise<void> {
    const { namespace } = this
    const body = {
      gracePeriodSeconds: 0,
      ...(resourceVersion !== undefined && { preconditions: { resourceVersion } }),
    }
    await orMissing(
      this.#bounded(`remove ${name}`, (options) =>
        this.#core.deleteNamespacedPod({ name, namespace, body }, options),
      ),
    )
  }

  async listPods(labelSelector: string): Promise<PodList> {
    const { namespace } = this
    const { data, headers } = await this.#bounded('list pods', (options) =>
      this.#core.listNamespacedPodWithHttpInfo({ namespace, labelSelector }, options),
    )
    return {
      pods: data.items,
      resourceVersion: data.metadata?.resourceVersion ?? '',
      time: Date.parse(headers.date ?? ''),
    }
  }

  /** Whether a RuntimeClass exists. It counts as existing if the account may not ask. */
  async hasRuntimeClass(name: string): Promise<boolean> {
    try {
      const found = await orMissing(
        this.#bounded(`read the RuntimeClass ${name}`, (options) =>
          this.#node.readRuntimeClass({ name }, options),
        ),
      )
      return found !== undefined
    } catch (error) {
      if (statusOf(error) === 403) return true
      throw error
    }
  }

  /** Asks whether the API server answers, one question at a time: see {@link answeredAt}. */
  probe(): void {
    if (this.#probing) return
    this.#probing = true
    void this.findPod('hono-sandbox-probe')
      .catch(() => {})
      .finally(() => (this.#probing = false))
  }

  async #bounded<T>(
    operation: string,
    call: (options: ConfigurationOptions) => Promise<T>,
  ): Promise<T> {
    const deadline = deadlineIn(this.#timeoutMs)
    const expired = deferred<never>()
    deadline.signal.addEventListener('abort', () => expired.reject(deadline.signal.reason))
    // A call has no parameter for a signal. It has a parameter for the object that sends its
    // request.
    const httpApi: ConfigurationOptions['httpApi'] = {
      send: (request) => {
        request.setSignal(deadline.signal)
        return this.#http.send(request)
      },
    }
    try {
      const answer = await Promise.race([call({ httpApi }), expired.promise])
      this.answeredAt = performance.now()
      return answer
    } catch (error) {
      if (statusOf(error) !== undefined) this.answeredAt = performance.now()
      throw apiError(operation, this.address, error)
    } finally {
      deadline.clear()
    }
  }
}

/** Returns `undefined` if the object of a call does not exist. */
async function orMissing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call
  } catch (error) {
    if (error instanceof SandboxError && statusOf(error) === 404) return undefined
    throw error
  }
}
