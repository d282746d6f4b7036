/**
 * The end of a container: `remove()` and `kill()` do their work once, also if they are called more
 * often. After a kill there is nothing to remove.
 */
export abstract class ContainerEnd {
  #removing: Promise<void> | undefined
  #killing: Promise<void> | undefined

  /** Waits for the agent to exit by itself, and kills it otherwise. */
  protected abstract exitOrKill(): Promise<void>

  /** Removes the container at once. */
  protected abstract killNow(): Promise<void>

  remove(): Promise<void> {
    this.#removing ??= this.#killing ?? this.exitOrKill()
    return this.#removing
  }

  kill(): Promise<void> {
    this.#killing ??= this.killNow()
    return this.#killing
  }
}
