/**
 * The names of the error and of its base classes. `ai` recognizes an error by them, not by its
 * class.
 */
const NAMES = ['AI_HarnessCapabilityUnsupportedError', 'AI_HarnessError', '']

/**
 * Returns an error for which `HarnessCapabilityUnsupportedError.isInstance()` of the SDK is `true`.
 */
export function capabilityUnsupported(message: string): Error {
  const markers = NAMES.map((name) => [
    Symbol.for(['vercel.ai.error', name].filter(Boolean).join('.')),
    { value: true },
  ])
  return Object.defineProperties(new Error(message), {
    name: { value: NAMES[0] },
    ...Object.fromEntries(markers),
  })
}
