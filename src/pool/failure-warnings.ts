import type { SandboxErrorCode, SandboxError } from '../errors.js'
import type { PoolEvent } from './types.js'

/**
 * Failures that nobody listens for, as warnings of the process. A failure that repeats is one
 * warning: a code is told once for each language, for launches until one works again, for removals
 * until one does.
 */
export class FailureWarnings {
  readonly #told = new Map<string, Set<SandboxErrorCode>>()

  /** Takes each event that is not told to anybody, and the successes in any case. */
  take(language: string, event: PoolEvent): void {
    if (event.type === 'launched') this.#told.delete(`launch ${language}`)
    if (event.type === 'removed') this.#told.delete(`removal ${language}`)
    if (event.type === 'launchFailed') {
      const what = `a ${language} sandbox could not be launched, the pool keeps trying`
      this.#warn(`launch ${language}`, what, event.error)
    }
    if (event.type === 'removeFailed') {
      this.#warn(`removal ${language}`, `${event.name} could not be removed`, event.error)
    }
  }

  /** A start is over, and no container of the language has come up. */
  startedEmpty(language: string, error: SandboxError): void {
    const what = `there is no ${language} sandbox yet, the pool keeps trying`
    this.#warn(`launch ${language}`, what, error)
  }

  #warn(work: string, what: string, { code, message }: SandboxError): void {
    const codes = this.#told.get(work) ?? new Set()
    if (codes.has(code)) return
    this.#told.set(work, codes.add(code))
    process.emitWarning(`${what}: ${message}`, { type: 'SandboxWarning', code })
  }
}
