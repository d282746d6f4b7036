import type { LanguageManifest } from './manifest.js'
import { NODEJS, TYPESCRIPT } from './nodejs.js'
import { PYTHON } from './python.js'

/** Every built-in language, by its name. */
export const LANGUAGES = {
  python: PYTHON,
  nodejs: NODEJS,
  typescript: TYPESCRIPT,
} as const satisfies Readonly<Record<string, LanguageManifest>>

/** The languages that have an agent of their own: a defined language is served by one of these. */
export const AGENTS = {
  python: PYTHON,
  nodejs: NODEJS,
} as const satisfies Readonly<Record<string, LanguageManifest>>

/** The languages that a pool has without a definition. */
export type BuiltInLanguage = keyof typeof LANGUAGES

/** The agents, each by the language that it is written in and runs code of. */
export type AgentName = keyof typeof AGENTS

/** The environment variables by which the operator names an image. */
export type ImageVariable = (typeof LANGUAGES)[BuiltInLanguage]['imageVariable']

/** A language by its name: a built-in one, or one that was defined with `defineLanguage()`. */
// The empty intersection keeps the names in what an editor offers.
export type Language = BuiltInLanguage | (string & Record<never, never>)

/** Whether a pool has the language without a definition. */
export function isBuiltIn(name: string): name is BuiltInLanguage {
  return Object.hasOwn(LANGUAGES, name)
}

function isAgent(name: string): name is AgentName {
  return Object.hasOwn(AGENTS, name)
}

export const BUILT_IN_NAMES: readonly BuiltInLanguage[] = Object.keys(LANGUAGES).filter(isBuiltIn)
export const AGENT_NAMES: readonly AgentName[] = Object.keys(AGENTS).filter(isAgent)
export const IMAGE_VARIABLES: readonly ImageVariable[] = [
  ...new Set(Object.values(LANGUAGES).map(({ imageVariable }) => imageVariable)),
]
