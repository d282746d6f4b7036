import type { Readable, Writable } from 'node:stream'
import { within } from '../../util/deadline.js'
import { ContainerEnd } from '../container-end.js'
import type { Container, ContainerExit } from '../engine.js'
import type { KubernetesApi } from './api.js'
import type { Attachment } from './attachment.js'
import type { LostNodes } from './lost-nodes.js'
import type { PodWatch, Sight } from './pod-watch.js'

/** The time limit for the kubelet's report of an exit, after the streams have ended. */
const REPORT_MS = 5000
/** An agent exits at once when its stdin ends. A busy node needs time. */
const EXIT_MS = 5000
/** The exit code of a program that SIGKILL ended. */
const SIGKILLED = 137
/** The time that an answer of the API server must be old, in milliseconds, to tell of a lost node. */
const LOST_AFTER_ANSWER_MS = 1000

/**
 * The part of a pod's life after which a pool replaces it. It differs between pods, so that pods of the
 * same age are not replaced together.
 */
const RETIREMENT = [0.7, 0.9] as const

/** The end of a container, as far as the kubelet reports it. */
interface Report {
  exitCode: number | undefined
  oom: boolean
}

/** The container of a pod, behind its attached streams. */
export class PodContainer extends ContainerEnd implements Container {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly exited: Promise<ContainerExit>
  readonly retireAfterMs: number
  readonly #pod: string
  readonly #attachment: Attachment
  readonly #api: KubernetesApi
  readonly #watch: PodWatch
  readonly #hasOwnKernel: boolean
  readonly #lostNodes: LostNodes
  readonly #onRemoved: () => void
  readonly #nodeLostMs: number
  /** The removal of the pod, after its end. */
  #removed: Promise<void> | undefined

  constructor(
    readonly name: string,
    {
      pod,
      hasOwnKernel,
      attachment,
      api,
      watch,
      lostNodes,
      onRemoved,
      nodeLostMs,
      lifetimeMs,
    }: PodContainerParts,
  ) {
    super()
    this.retireAfterMs = lifetimeMs * between(...RETIREMENT)
    this.#pod = pod
    this.#attachment = attachment
    this.#api = api
    this.#watch = watch
    this.#hasOwnKernel = hasOwnKernel
    this.#lostNodes = lostNodes
    this.#onRemoved = onRemoved
    this.#nodeLostMs = nodeLostMs
    this.stdin = attachment.stdin
    this.stdout = attachment.stdout
    this.exited = attachment.closed.then(async () => {
      const report = await this.#report()
      this.stdout.push(null)
      // No other process removes a pod that has ended. A sweep does so if this call fails.
      this.#remove().catch(() => {})
      return { ...report, stderr: attachment.stderrTail }
    })
  }

  /**
   * A node that vanished sends nothing, and neither does a frozen API server, between them and us.
   * Therefore silence counts only if the API server has answered in the meantime.
   */
  isLost(silentMs: number): boolean {
    if (silentMs < this.#nodeLostMs) return false
    const now = performance.now()
    const { answeredAt } = this.#api
    const isRecent = answeredAt > now - silentMs / 2
    if (!isRecent) this.#api.probe()
    if (!isRecent || answeredAt > now - LOST_AFTER_ANSWER_MS) return false
    const sight = this.#watch.sightOf(this.#pod)
    if (sight !== undefined && sight !== 'gone') this.#lostNodes.add(sight.node)
    return true
  }

  /** Closes the streams first, so that no caller waits for an API server that does not answer. */
  protected async killNow(): Promise<void> {
    this.#attachment.disconnect()
    await this.#remove()
  }

  protected async exitOrKill(): Promise<void> {
    this.stdin.end()
    this.stdout.resume() // a full buffer would delay the end of the streams
    const hasExited = await within(
      EXIT_MS,
      this.#attachment.closed.then(() => true),
    )
    if (hasExited) await this.exited.then(() => this.#remove())
    else await this.kill()
  }

  #remove(): Promise<void> {
    this.#removed ??= this.#api.removePod(this.#pod).finally(this.#onRemoved)
    return this.#removed
  }

  /**
   * Waits for the kubelet's report of the end, unless the pod is already gone. A runtime with a kernel of
   * its own is killed as a whole if its memory is exhausted, and then the node may report nothing.
   */
  async #report(): Promise<Report> {
    const late = AbortSignal.timeout(REPORT_MS)
    const report = await this.#watch.until(this.#pod, reportOf, late)
    const isSilent = late.aborted && this.#attachment.isEndedByNode
    const { exitCode, oom } = report ?? { exitCode: undefined, oom: isSilent && this.#hasOwnKernel }
    return { exitCode, oom: oom || (this.#hasOwnKernel && exitCode === SIGKILLED) }
  }
}

/** The parts of a {@link PodContainer}. */
export interface PodContainerParts {
  /** The name of the pod. */
  pod: string
  hasOwnKernel: boolean
  attachment: Attachment
  api: KubernetesApi
  watch: PodWatch
  lostNodes: LostNodes
  /** Called after the removal, also after a failed removal: then a sweep removes the pod. */
  onRemoved: () => void
  nodeLostMs: number
  lifetimeMs: number
}

function between(min: number, max: number): number {
  return min + Math.random() * (max - min)
}

function reportOf(sight: Sight): Report | undefined {
  if (sight === undefined) return undefined
  if (sight === 'gone') return { exitCode: undefined, oom: false }
  const { terminated, failed } = sight
  if (terminated) return { exitCode: terminated.exitCode, oom: terminated.reason === 'OOMKilled' }
  // An evicted pod can end without a report about its container.
  return failed && { exitCode: undefined, oom: false }
}
