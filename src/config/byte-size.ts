import { SandboxError } from '../errors.js'

const UNITS: Readonly<Record<string, number>> = { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }

/**
 * Returns the number of bytes of a size such as `256m`: a whole number and one of the units `b`,
 * `k`, `m` and `g`. Each unit is 1024 times the unit before it.
 *
 * @throws SandboxError `SANDBOX_INVALID_OPTION`. The message contains the invalid size.
 */
export function parseBytes(name: string, size: string): number {
  const [, digits, unit = ''] = /^([1-9]\d*)([bkmg])$/i.exec(size) ?? []
  const factor = UNITS[unit.toLowerCase()]
  const bytes = Number(digits) * (factor ?? Number.NaN)
  if (Number.isSafeInteger(bytes)) return bytes
  throw new SandboxError(
    'SANDBOX_INVALID_OPTION',
    `${name} is ${JSON.stringify(size)}, expected a whole number followed by b, k, m or g`,
    { suggestion: 'Write it as in 256m' },
  )
}
