import * as v from 'valibot'

const LONGEST_TIMER_MS = 2 ** 31 - 1

export const Milliseconds = v.pipe(
  v.number('milliseconds'),
  v.minValue(0, '0 ms or more'),
  v.maxValue(LONGEST_TIMER_MS, `${LONGEST_TIMER_MS} ms or less`),
)
/** A time in which something must be possible. */
export const PositiveMilliseconds = v.pipe(Milliseconds, v.minValue(1, '1 ms or more'))
export const Count = v.pipe(
  v.number('a whole number'),
  v.integer('a whole number'),
  v.minValue(0, '0 or more'),
)
export const Positive = v.pipe(
  v.number('a whole number'),
  v.integer('a whole number'),
  v.minValue(1, '1 or more'),
)
/** Half a character, but for those that stand for a byte of a file's name. */
const HALF_CHARACTER = /[\u{d800}-\u{dc7f}\u{dd00}-\u{dfff}]/u
export const WithoutNul = v.pipe(
  v.string(),
  v.excludes('\0', 'a string without NUL'),
  v.check((text) => !HALF_CHARACTER.test(text), 'a string of whole characters'),
)
export const Variable = v.pipe(WithoutNul, v.regex(/^[^=]+$/, "a name without '='"))

/** A path inside the sandbox. */
export const Path = v.pipe(WithoutNul, v.minLength(1))
