import * as v from 'valibot'

/** The names of the languages that this server runs. */
export const LANGUAGES = ['python', 'nodejs', 'typescript'] as const

/** The name of a language in a request. */
export const LanguageName = v.picklist(LANGUAGES)
