import type { LanguageManifest } from './manifest.js'
import { NODEJS, TYPESCRIPT } from './nodejs.js'
import { PYTHON } from './python.js'

/** The manifests of the built-in languages, by name. */
export const LANGUAGES = {
  python: PYTHON,
  nodejs: NODEJS,
  typescript: TYPESCRIPT,
} as const satisfies Readonly<Record<string, LanguageManifest>>

/**
 * The manifests of the languages with an agent of their own. A defined language uses one of these
 * agents.
 */
export const AGENTS = {
  python: PYTHON,
  nodejs: NODEJS,
} as const satisfies Readonly<Record<string, LanguageManifest>>

/** The names of the languages that need no definition. */
export type BuiltInLanguage = keyof typeof LANGUAGES

/** The names of the agents. An agent has the name of the language that it is written in and runs. */
export type AgentName = keyof typeof AGENTS

/** The environment variables with which the operator chooses an image. */
export type ImageVariable = (typeof LANGUAGES)[BuiltInLanguage]['imageVariable']

/** The name of a language: a built-in language, or a language from `defineLanguage()`. */
// The intersection keeps the built-in names in the suggestions of an editor.
export type Language = BuiltInLanguage | (string & Record<never, never>)

/** Returns whether a name is the name of a built-in language. */
export function isBuiltIn(name: string): name is BuiltInLanguage {
  return Object.hasOwn(LANGUAGES, name)
}

function isAgent(name: string): name is AgentName {
  return Object.hasOwn(AGENTS, name)
}

/** The names of all built-in languages. */
export const BUILT_IN_NAMES: readonly BuiltInLanguage[] = Object.keys(LANGUAGES).filter(isBuiltIn)
/** The names of all agents. */
export const AGENT_NAMES: readonly AgentName[] = Object.keys(AGENTS).filter(isAgent)
/** The environment variables that choose an image, without duplicates. */
export const IMAGE_VARIABLES: readonly ImageVariable[] = [
  ...new Set(Object.values(LANGUAGES).map(({ imageVariable }) => imageVariable)),
]
