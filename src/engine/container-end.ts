/**
 * The end of a container. `remove()` and `kill()` do their work once, even if they are called
 * several times. After `kill()`, `remove()` only waits for the end of the kill.
 */
export abstract class ContainerEnd {
  #removing: Promise<void> | undefined
  #killing: Promise<void> | undefined

  /** Waits until the agent exits. Kills the container if the agent does not exit in time. */
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
