import * as v from 'valibot'
import { BUILT_IN_NAMES } from '../languages/built-in.js'
import { DefinedLanguageSettings } from '../languages/definition-schema.js'
import { LanguageSettings } from '../schemas/pool.js'
import { Count, Path, Positive, PositiveMilliseconds } from '../schemas/values.js'

/** A name that is mistyped is no definition with a field missing. */
const Defined = v.pipe(
  v.custom<object>(
    (value) => typeof value === 'object' && value !== null && 'name' in value,
    'what defineLanguage() gives: it is not built in',
  ),
  DefinedLanguageSettings,
)
const BuiltIn = v.entriesFromList(BUILT_IN_NAMES, v.optional(LanguageSettings))

/** What a pool takes; `engine` is checked by its own type. */
export const PoolSettings = v.strictObject({
  languages: v.optional(v.objectWithRest(BuiltIn, v.optional(Defined))),
  engine: v.optional(v.custom<object>((value) => typeof value === 'object', 'an Engine')),
  runtime: v.optional(Path),
  memory: v.optional(v.string()),
  cpus: v.optional(v.pipe(v.number(), v.finite('a number'), v.minValue(0.01, '0.01 or more'))),
  pids: v.optional(v.pipe(v.number(), v.integer(), v.minValue(16))),
  maxPrograms: v.optional(Positive),
  openFiles: v.optional(v.pipe(v.number(), v.integer(), v.minValue(64))),
  workspaceSize: v.optional(v.string()),
  tmpSize: v.optional(v.string()),
  shmSize: v.optional(v.string()),
  network: v.optional(Path),
  seccompProfile: v.optional(Path),
  maxWaiting: v.optional(Count),
  startTimeoutMs: v.optional(PositiveMilliseconds),
  leaseTtlMs: v.optional(PositiveMilliseconds),
  launchConcurrency: v.optional(Positive),
})
