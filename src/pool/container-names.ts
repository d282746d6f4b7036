/**
 * Creates the names of containers, such as `sandbox_python_3.8_f00d42`: the eighth container in
 * slot 3. A slot is free again when the removal of its container begins. A name is never used
 * again, so a launch does not wait for a removal.
 */
export class ContainerNames {
  readonly #generations: number[] = []
  readonly #taken = new Map<string, number>()
  readonly #language: string
  readonly #suffix: string

  constructor(language: string, suffix: string) {
    this.#language = language
    this.#suffix = suffix
  }

  /** Returns a new name in the first free slot. */
  take(): string {
    const used = new Set(this.#taken.values())
    let slot = 0
    while (used.has(slot)) slot++
    const generation = (this.#generations[slot] ?? 0) + 1
    this.#generations[slot] = generation
    const name = `sandbox_${this.#language}_${slot + 1}.${generation}_${this.#suffix}`
    this.#taken.set(name, slot)
    return name
  }

  /** Frees the slot of a name. An unknown name is ignored. */
  release(name: string): void {
    this.#taken.delete(name)
  }
}
