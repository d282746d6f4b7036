import * as v from 'valibot'
import { ContainerEntries } from '../schemas/container.js'
import { Preload, SizeEntries } from '../schemas/pool.js'
import { Path, WithoutNul } from '../schemas/values.js'
import { AGENT_NAMES, isBuiltIn } from './built-in.js'

/**
 * The name of a language that is not built in. It becomes a part of container names and a key of
 * objects.
 */
export const LanguageName = v.pipe(
  v.string(),
  v.regex(
    /^[a-z][a-z0-9_.-]{0,39}$/,
    'lowercase letters, digits, _, . and -, beginning with a letter',
  ),
  v.check(
    (name) => !(isBuiltIn(name) || name in {} || name === 'prototype'),
    'a name that is not reserved',
  ),
)
const FileName = v.pipe(
  WithoutNul,
  v.regex(/^(?![-.]*$|-)[^/]{1,255}$/, 'a file name without a folder'),
)
const Argv = v.pipe(
  v.array(WithoutNul),
  v.minLength(1, 'a program and its arguments'),
  v.check(([program = '']) => /^[^-]/.test(program), 'a program and its arguments'),
)

/** The schema of a definition, for the argument and the result of `defineLanguage()`. */
export const DefinedLanguageSettings = v.strictObject({
  name: LanguageName,
  image: Path,
  agent: v.picklist(AGENT_NAMES, AGENT_NAMES.map((name) => `'${name}'`).join(' or ')),
  file: FileName,
  compile: v.optional(Argv),
  run: Argv,
  preload: v.optional(Preload),
  ...SizeEntries,
  ...ContainerEntries,
})
