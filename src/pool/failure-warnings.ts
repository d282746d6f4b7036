import type { SandboxErrorCode, SandboxError } from '../errors.js'
import type { PoolEvent } from './types.js'

/**
 * Emits failures without a listener as warnings of the process. It warns once per language and
 * error code about launches, and warns again only after a launch has succeeded in between. The same
 * holds for removals.
 */
export class FailureWarnings {
  readonly #warned = new Map<string, Set<SandboxErrorCode>>()

  /**
   * Handles an event. Pass all failures without a listener, and all successful launches and
   * removals, because a success allows the next warning.
   */
  handle(language: string, event: PoolEvent | { type: 'programEnded' }): void {
    if (event.type === 'launched') this.#warned.delete(`launch ${language}`)
    if (event.type === 'removed') this.#warned.delete(`removal ${language}`)
    if (event.type === 'launchFailed') {
      const problem = `a ${language} sandbox could not be launched, and the pool retries`
      this.#warn(`launch ${language}`, problem, event.error)
    }
    if (event.type === 'removeFailed') {
      this.#warn(`removal ${language}`, `${event.name} could not be removed`, event.error)
    }
  }

  /** Warns that a start has ended without a container of the language. */
  startedEmpty(language: string, error: SandboxError): void {
    const problem = `no ${language} sandbox has started yet, and the pool retries`
    this.#warn(`launch ${language}`, problem, error)
  }

  #warn(operation: string, problem: string, { code, message }: SandboxError): void {
    const codes = this.#warned.get(operation) ?? new Set()
    if (codes.has(code)) return
    this.#warned.set(operation, codes.add(code))
    process.emitWarning(`${problem}: ${message}`, { type: 'SandboxWarning', code })
  }
}
