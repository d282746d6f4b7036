import * as v from 'valibot'
import { LONGEST_TIMER_MS } from '../util/deadline.js'

/** A time in milliseconds, 0 included. */
export const Milliseconds = v.pipe(
  v.number('a number of milliseconds'),
  v.minValue(0, '0 ms or more'),
  v.maxValue(LONGEST_TIMER_MS, `${LONGEST_TIMER_MS} ms or less`),
)

/** A time limit. It is at least 1 ms, because with 0 ms the operation could never succeed. */
export const PositiveMilliseconds = v.pipe(Milliseconds, v.minValue(1, '1 ms or more'))

/** A whole number, negative numbers included. */
export const WholeNumber = v.pipe(v.number('a whole number'), v.integer('a whole number'))

/** A whole number, 0 included. */
export const Count = v.pipe(WholeNumber, v.minValue(0, '0 or more'))

/** A whole number of 1 or more. */
export const Positive = v.pipe(WholeNumber, v.minValue(1, '1 or more'))

/**
 * A lone surrogate, except U+DC80 to U+DCFF: these stand for bytes of a file name that are not
 * UTF-8.
 */
const LONE_SURROGATE = /[\u{d800}-\u{dc7f}\u{dd00}-\u{dfff}]/u

/** A string that an argument, a variable or a path can contain. */
export const WithoutNul = v.pipe(
  v.string(),
  v.excludes('\0', 'a string without NUL'),
  v.check((text) => !LONE_SURROGATE.test(text), 'a string without lone surrogates'),
)

/** The name of an environment variable. */
const Variable = v.pipe(WithoutNul, v.regex(/^[^=]+$/, "a name without '='"))

/** Environment variables by name. A variable with the value `undefined` is not set. */
export const Variables = v.record(Variable, v.optional(WithoutNul))

const NOT_EMPTY = v.minLength<string, 1, string>(1, 'a string that is not empty')

/** A string of at least one character. */
export const NotEmpty = v.pipe(v.string(), NOT_EMPTY)

/** A path inside the sandbox. */
export const Path = v.pipe(WithoutNul, NOT_EMPTY)
