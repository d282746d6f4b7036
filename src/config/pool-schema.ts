import * as v from 'valibot'
import { BUILT_IN_NAMES } from '../languages/built-in.js'
import { DefinedLanguageSettings } from '../languages/definition-schema.js'
import { ContainerEntries } from '../schemas/container.js'
import { LanguageSettings } from '../schemas/pool.js'
import { Count, Positive, PositiveMilliseconds } from '../schemas/values.js'

/**
 * A definition from `defineLanguage()`. The first check gives a mistyped name of a built-in
 * language an error of its own, instead of an error about a missing field of a definition.
 */
const Defined = v.pipe(
  v.custom<object>(
    (value) => typeof value === 'object' && value !== null && 'name' in value,
    'a definition from defineLanguage(), because the language is not built in',
  ),
  DefinedLanguageSettings,
)
const BuiltIn = v.entriesFromList(BUILT_IN_NAMES, v.optional(LanguageSettings))

/** The options of a pool. Only the TypeScript type of `engine` describes its methods. */
export const PoolSettings = v.strictObject({
  languages: v.optional(v.objectWithRest(BuiltIn, v.optional(Defined))),
  engine: v.optional(v.custom<object>((value) => typeof value === 'object', 'an Engine')),
  ...ContainerEntries,
  maxWaiting: v.optional(Count),
  startTimeoutMs: v.optional(PositiveMilliseconds),
  leaseTtlMs: v.optional(PositiveMilliseconds),
  launchConcurrency: v.optional(Positive),
})
