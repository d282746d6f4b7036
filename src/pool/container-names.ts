/**
 * Gives the names of containers, such as `sandbox_python_3.8_f00d42`: slot 3, its eighth container. The slot is used again as
 * soon as its container begins to go, the name never, so a launch need not wait for a removal.
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

  giveBack(name: string): void {
    this.#taken.delete(name)
  }
}
