import type { SandboxErrorCode, SandboxError } from './errors.js'
import type { Language } from './languages.js'

/** What may fail for long: a launch, or a removal. */
export type FailingWork = 'launch' | 'removal'

/**
 * Failures that nobody listens for, as warnings of the process. A failure that repeats is one
 * warning: a code is told once for each language, until that work succeeds again.
 */
export class FailureWarnings {
  readonly #told = new Map<string, Set<SandboxErrorCode>>()

  failed(language: Language, work: FailingWork, error: SandboxError, what: string): void {
    const key = `${work} ${language}`
    const codes = this.#told.get(key) ?? new Set()
    this.#told.set(key, codes)
    if (codes.has(error.code)) return
    codes.add(error.code)
    process.emitWarning(`${what}: ${error.message}`, { type: 'SandboxWarning', code: error.code })
  }

  succeeded(language: Language, work: FailingWork): void {
    this.#told.delete(`${work} ${language}`)
  }
}
