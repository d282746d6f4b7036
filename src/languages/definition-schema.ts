import * as v from 'valibot'
import { Preload, Size } from '../schemas/pool.js'
import { Path, Positive, Variable, WithoutNul } from '../schemas/values.js'
import { AGENT_NAMES, isBuiltIn } from './built-in.js'

/** It is in containers' names and a key of objects. */
const LanguageName = v.pipe(
  v.string(),
  v.regex(/^[a-z][a-z0-9_.-]{0,39}$/, 'small letters, digits, _, . and -, a letter first'),
  v.check((name) => !(isBuiltIn(name) || name in {}), 'a name that is not taken'),
)
const FileName = v.pipe(
  WithoutNul,
  v.regex(/^(?![-.]*$|-)[^/]{1,255}$/, 'the name of a file, without a folder'),
)
const Argv = v.pipe(
  v.array(WithoutNul),
  v.minLength(1, 'a program and its arguments'),
  v.check(([program = '']) => /^[^-]/.test(program), 'a program and its arguments'),
)

/** What `defineLanguage` takes and gives. */
export const DefinedLanguageSettings = v.strictObject({
  name: LanguageName,
  image: Path,
  agent: v.picklist(AGENT_NAMES, AGENT_NAMES.map((name) => `'${name}'`).join(' or ')),
  file: FileName,
  compile: v.optional(Argv),
  run: Argv,
  env: v.optional(v.record(Variable, WithoutNul)),
  preload: v.optional(Preload),
  size: v.optional(Size),
  max: v.optional(Positive),
})
