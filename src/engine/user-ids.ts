import { SandboxError } from '../errors.js'

/** The user `nobody`, which runs the programs of every container of a pool without `userIds`. */
export const NOBODY = 65534

/** A range of user ids of the host: `first`, and `count` ids in all. */
export interface UserIdRange {
  first: number
  count: number
}

/** Gives each container a user id that no other container of the pool has at the same time. */
export class UserIds {
  readonly #range: UserIdRange | undefined
  readonly #taken = new Set<number>()
  #next = 0

  constructor(range: UserIdRange | undefined) {
    this.#range = range
  }

  /** Returns the id that has been free for the longest time; `nobody` without a range. */
  take(): number {
    const range = this.#range
    if (!range) return NOBODY
    for (let tries = 0; tries < range.count; tries++) {
      const id = range.first + this.#next
      this.#next = (this.#next + 1) % range.count
      if (this.#taken.has(id)) continue
      this.#taken.add(id)
      return id
    }
    // The pool has as many ids as containers, so an engine does not end containers that must end.
    throw new SandboxError(
      'SANDBOX_ENGINE_FAILED',
      'no user id is free: a container has not exited',
    )
  }

  /** Frees an id when its container has exited. */
  release(id: number): void {
    this.#taken.delete(id)
  }
}
