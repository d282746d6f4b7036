import { SandboxError } from '../errors.js'

const UNITS: Readonly<Record<string, number>> = { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }

/**
 * The bytes in a size such as `256m`: a whole number and one of `b`, `k`, `m`, `g` (1024 to the next).
 *
 * @throws SandboxError `SANDBOX_INVALID_OPTION`, quoting what is not a size.
 */
export function parseBytes(name: string, size: string): number {
  const [, digits, unit = ''] = /^([1-9]\d*)([bkmg])$/i.exec(size) ?? []
  const factor = UNITS[unit.toLowerCase()]
  const bytes = Number(digits) * (factor ?? Number.NaN)
  if (Number.isSafeInteger(bytes)) return bytes
  throw new SandboxError(
    'SANDBOX_INVALID_OPTION',
    `${name} is ${JSON.stringify(size)}, a size is a whole number and one of b, k, m, g`,
    { suggestion: 'Write for example 256m' },
  )
}
