import type { Readable } from 'node:stream'
import type { V1Pod } from '@kubernetes/client-node'
import { SandboxError } from '../../errors.js'
import { aborted, deadlineIn, isLate } from '../../util/deadline.js'
import type { Container, LaunchSpec } from '../engine.js'
import type { KubernetesApi } from './api.js'
import { apiError, statusOf } from './api-errors.js'
import type { Attachment } from './attachment.js'
import { GO, PROGRAM_MISSING } from './gate.js'
import { ENGINE_LABEL, labelValue, OWNER_LABEL, podNameOf } from './labels.js'
import { failureOf, nodeLost, notStarted, removed, tooLate, unsupported } from './launch-errors.js'
import type { LostNodes } from './lost-nodes.js'
import { PodContainer } from './pod-container.js'
import { podOf } from './pod-spec.js'
import type { PodWatch, Sight } from './pod-watch.js'
import type { Settings } from './settings.js'

/** The status of the API server if the name of a pod is in use. */
const CONFLICT = 409

/** The parts of an engine that a launch uses. */
export interface LaunchParts {
  /** The label of the engine that launches. */
  engine: string
  settings: Settings
  api: KubernetesApi
  watch: PodWatch
  lostNodes: LostNodes
  attach: (pod: string, signal: AbortSignal) => Promise<Attachment>
}

/** Launches pods: creates, waits until the container runs, attaches, opens the gate. */
export class Launches {
  readonly #parts: LaunchParts
  /** The pods of this engine, from before the creation until after the removal. */
  readonly #pods = new Set<string>()

  constructor(parts: LaunchParts) {
    this.#parts = parts
  }

  async launch(spec: LaunchSpec, signal?: AbortSignal): Promise<Container> {
    signal?.throwIfAborted()
    const { settings, api, watch, lostNodes, engine } = this.#parts
    const runtime = settings.runtimes[spec.runtime]
    if (!runtime) throw unsupported(`runtime ${spec.runtime}`, 'Name it in `runtimes`')
    if (typeof spec.seccomp === 'object') {
      throw unsupported(
        'seccomp profile in a launch',
        'Copy the profile to the nodes, and name its path in `seccompProfile` of the engine',
      )
    }
    const body = podOf(spec, runtime, { engine, settings, avoid: lostNodes.names })
    const name = podNameOf(spec.name)
    this.#pods.add(name)
    // Before the creation, so that the watch reports each event of the pod.
    watch.follow(name)
    const deadline = deadlineIn(settings.launchTimeoutMs, signal)
    let attachment: Attachment | undefined
    let isCreated = false
    try {
      // The creation is not aborted, because the API server might still create the pod. If it does not
      // answer, a sweep removes what it creates.
      await this.#create(spec, body)
      isCreated = true
      await this.#untilRunning(spec, deadline.signal)
      attachment = await this.#attach(name, deadline.signal)
      await this.#passGate(spec, attachment, deadline.signal)
      const { nodeLostMs, lifetimeMs } = settings
      const { hasOwnKernel } = runtime
      const pod = { pod: name, hasOwnKernel, nodeLostMs, lifetimeMs }
      const onRemoved = () => this.#forget(name)
      return new PodContainer(spec.name, { ...pod, attachment, api, watch, lostNodes, onRemoved })
    } catch (error) {
      attachment?.disconnect()
      this.#forget(name)
      const reason = signal?.aborted ? signal.reason : error
      // If the removal fails, a pod remains. This error matters more than the abort of the launch.
      if (isCreated) {
        await api.removePod(name).catch((left: unknown) => {
          throw signal?.aborted ? left : error
        })
      }
      throw reason
    } finally {
      deadline.clear()
    }
  }

  /**
   * Whether a pod is of this engine, but of none of its launches and containers. A creation without an
   * answer leaves such a pod.
   */
  isAbandoned({ metadata }: V1Pod): boolean {
    const isOurs = metadata?.labels?.[ENGINE_LABEL] === this.#parts.engine
    return isOurs && !this.#pods.has(metadata?.name ?? '')
  }

  #forget(name: string): void {
    this.#pods.delete(name)
    this.#parts.watch.forget(name)
  }

  async #create(spec: LaunchSpec, body: V1Pod): Promise<void> {
    const { api } = this.#parts
    try {
      await api.createPod(body)
    } catch (error) {
      if (statusOf(error) !== CONFLICT) throw error
      await this.#removeLeftover(spec)
      await api.createPod(body)
    }
  }

  /** Removes the pod that has the name. @throws SandboxError if it belongs to another owner. */
  async #removeLeftover({ name, owner }: LaunchSpec): Promise<void> {
    const { api } = this.#parts
    const leftover = await api.findPod(podNameOf(name))
    if (leftover && leftover.metadata?.labels?.[OWNER_LABEL] !== labelValue(owner)) {
      throw new SandboxError('SANDBOX_ENGINE_FAILED', `the name ${name} belongs to another owner`)
    }
    await api.removePod(podNameOf(name))
  }

  async #untilRunning(spec: LaunchSpec, signal: AbortSignal): Promise<void> {
    const { watch, lostNodes, settings } = this.#parts
    const name = podNameOf(spec.name)
    const isRunning = (sight: Sight) => {
      if (sight === undefined) return undefined
      if (sight === 'gone') throw removed(spec)
      const failure = failureOf(spec, sight)
      if (failure) throw failure
      if (lostNodes.has(sight.node)) throw nodeLost(spec, sight.node)
      return sight.isRunning || undefined
    }
    if (await watch.until(name, isRunning, signal)) return
    if (!isLate(signal.reason)) throw signal.reason
    const seen = { sight: watch.sightOf(name), failure: watch.failure }
    throw tooLate(spec, seen, settings.launchTimeoutMs)
  }

  async #attach(name: string, signal: AbortSignal): Promise<Attachment> {
    const { attach, api } = this.#parts
    try {
      return await attach(name, signal)
    } catch (error) {
      throw apiError(`attach to ${name}`, api.address, error)
    }
  }

  /** Starts the program, when its output can be read. */
  async #passGate(spec: LaunchSpec, attachment: Attachment, signal: AbortSignal): Promise<void> {
    const { watch } = this.#parts
    attachment.stdin.write(GO)
    const ended = attachment.closed.then((): 'ended' => 'ended')
    const first = await Promise.race([firstByteOf(attachment.stdout), ended, aborted(signal)])
    if (first instanceof Buffer) return
    if (first !== 'ended') throw signal.reason
    const isTerminated = (sight: Sight) => {
      if (sight === 'gone') throw removed(spec)
      return sight?.terminated
    }
    const end = await watch.until(podNameOf(spec.name), isTerminated, signal)
    throw notStarted(spec, end?.exitCode === PROGRAM_MISSING ? '' : attachment.stderrTail)
  }
}

/** Takes one byte from a stream, and leaves the rest for its reader. */
function firstByteOf(stdout: Readable): Promise<Buffer> {
  return new Promise((resolve) => {
    const look = () => {
      const byte: unknown = stdout.read(1)
      if (!(byte instanceof Buffer)) return
      stdout.off('readable', look)
      resolve(byte)
    }
    stdout.on('readable', look)
    look()
  })
}
