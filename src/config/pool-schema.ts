import * as v from 'valibot'
import { BUILT_IN_NAMES } from '../languages/built-in.js'
import { DefinedLanguageSettings } from '../languages/definition-schema.js'
import { ContainerEntries } from '../schemas/container.js'
import { ISOLATION_LEVELS } from '../schemas/isolation.js'
import { LanguageSettings } from '../schemas/pool.js'
import { Count, Positive, PositiveMilliseconds } from '../schemas/values.js'

const NAMES = BUILT_IN_NAMES.join(', ')

/** The options of a built-in language under its own name. */
const BuiltIn = v.strictObject({
  ...LanguageSettings.entries,
  base: v.optional(v.undefined('no value, because a built-in language has no base')),
})
/** The options of an entry under another name, which behaves as its base. */
const Based = v.strictObject({
  ...LanguageSettings.entries,
  base: v.picklist(BUILT_IN_NAMES, `one of ${NAMES}`),
})
/**
 * A definition from `defineLanguage()`. The first check gives a mistyped name of a built-in
 * language an error of its own, instead of an error about a missing field of a definition.
 */
const Defined = v.pipe(
  v.custom<object>(
    (value) => has(value, 'name'),
    `options with a base, or a definition from defineLanguage(), because only these are built in: ${NAMES}`,
  ),
  DefinedLanguageSettings,
)
/** It is not a union, because the errors of a union do not name the invalid field. */
const Own = v.lazy((entry) => (has(entry, 'base') ? Based : Defined))

/** A range of user ids of the host, without those of the system and without `nobody`. */
const UserIds = v.pipe(
  v.strictObject({
    first: v.pipe(Positive, v.minValue(100_000, '100000 or more')),
    count: Positive,
  }),
  v.check(({ first, count }) => first + count < 2 ** 31, 'ids below 2147483648'),
)

/** The options of a pool. Only the TypeScript type of `engine` describes its methods. */
export const PoolSettings = v.strictObject({
  languages: v.optional(
    v.objectWithRest(v.entriesFromList(BUILT_IN_NAMES, v.optional(BuiltIn)), v.optional(Own)),
  ),
  engine: v.optional(v.custom<object>((value) => typeof value === 'object', 'an Engine')),
  ...ContainerEntries,
  maxWaiting: v.optional(Count),
  maxPerTenant: v.optional(Positive),
  maxWaitingPerTenant: v.optional(Count),
  startTimeoutMs: v.optional(PositiveMilliseconds),
  leaseTtlMs: v.optional(PositiveMilliseconds),
  maxSessionsPerTenant: v.optional(Positive),
  evictIdle: v.optional(v.boolean()),
  onSessionStart: v.optional(v.function('a function')),
  onSessionEnd: v.optional(v.function('a function')),
  sessionHookTimeoutMs: v.optional(PositiveMilliseconds),
  launchConcurrency: v.optional(Positive),
  minIsolation: v.optional(v.picklist(ISOLATION_LEVELS, ISOLATION_LEVELS.join(', '))),
  userIds: v.optional(UserIds),
})

function has(value: unknown, field: string): boolean {
  return typeof value === 'object' && value !== null && field in value
}
