/**
 * The time that a node counts as lost, in milliseconds. Kubernetes itself finds a lost node after 40 s,
 * and until then its scheduler prefers it, because the pods that were lost there are deleted.
 */
const LOST_MS = 60_000

/** The nodes whose containers fell silent. Launches prefer other nodes. */
export class LostNodes {
  readonly #until = new Map<string, number>()
  readonly #onLost: () => void

  constructor(onLost: () => void) {
    this.#onLost = onLost
  }

  /** Notes that a node is lost. */
  add(node: string): void {
    this.#until.set(node, performance.now() + LOST_MS)
    this.#onLost()
  }

  has(node: string): boolean {
    return this.names.includes(node)
  }

  get names(): readonly string[] {
    for (const [node, until] of this.#until) {
      if (performance.now() > until) this.#until.delete(node)
    }
    return [...this.#until.keys()]
  }
}
