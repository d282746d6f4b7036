import { readFileSync } from 'node:fs'

/** The agents there are, each in the language that it is written in and runs code of. */
export type AgentName = 'python' | 'nodejs'

/** The languages that a pool knows by itself. */
export type BuiltInLanguage = AgentName | 'typescript'

/** A language by its name: a built-in one, or one that was defined with `defineLanguage()`. */
// The empty intersection keeps the names in what an editor offers.
export type Language = BuiltInLanguage | (string & Record<never, never>)

/** How an agent is started. */
interface AgentDefinition {
  /** Its command line. Its source is in it, so that any image will do. Its config comes after. */
  command: readonly string[]
  /** A Python agent reaps as PID 1; Node cannot wait for children it did not start. */
  reaper: 'agent' | 'engine'
}

/** What makes a built-in language: where its interpreter comes from and how its agent is started. */
export interface LanguageDefinition extends AgentDefinition {
  /** Images that have it, best first: from a registry, or as set-up builds it without one. */
  images: readonly [registry: string, local: string]
  /** The variable by which the operator names another image. */
  imageVariable: 'SANDBOX_BASE_PYTHON_IMAGE' | 'SANDBOX_BASE_NODEJS_IMAGE'
  /** Whether its code is TypeScript, for Node. */
  typescript?: true
}

const PYTHON_PARTS = [
  'frames',
  'identity',
  'preload',
  'feeds',
  'programs',
  'contexts',
  'files',
  'jobs',
  'line',
  'rich',
  'values',
  'runner',
  'agent',
]
const NODEJS_PARTS = [
  'frames',
  'identity',
  'programs',
  'records',
  'contexts',
  'files',
  'jobs',
  'agent',
]
const NODEJS_RUNNER_PARTS = ['rich', 'values', 'repl', 'scripts', 'cells', 'runner']

/** Both agents, by name. */
export const AGENTS: Readonly<Record<AgentName, AgentDefinition>> = {
  python: {
    // -I: nothing of the working directory or the environment; -u: no output is lost by a kill.
    command: ['python3', '-I', '-u', '-X', 'utf8', '-c', source('python', 'py', PYTHON_PARTS)],
    reaper: 'agent',
  },
  nodejs: {
    command: [
      'node',
      '-e',
      source('nodejs', 'cjs', NODEJS_PARTS),
      source('nodejs', 'cjs', NODEJS_RUNNER_PARTS),
    ],
    reaper: 'engine',
  },
}

const NODEJS: LanguageDefinition = {
  images: ['node:24-slim', 'hono-sandbox/nodejs:24'],
  imageVariable: 'SANDBOX_BASE_NODEJS_IMAGE',
  ...AGENTS.nodejs,
}

/** Every built-in language, by its name. */
export const LANGUAGES: Readonly<Record<BuiltInLanguage, LanguageDefinition>> = {
  python: {
    images: ['python:3.13-slim', 'hono-sandbox/python:bookworm'],
    imageVariable: 'SANDBOX_BASE_PYTHON_IMAGE',
    ...AGENTS.python,
  },
  nodejs: NODEJS,
  typescript: { ...NODEJS, typescript: true },
}

/** Whether a pool knows it by itself. */
export function isBuiltIn(name: string): name is BuiltInLanguage {
  return Object.hasOwn(LANGUAGES, name)
}

/** An agent is one program, kept in rooms: its parts in their order. */
function source(folder: string, extension: string, parts: readonly string[]): string {
  const read = (part: string) =>
    readFileSync(new URL(`./agent/${folder}/${part}.${extension}`, import.meta.url), 'utf8')
  return parts.map(read).join('\n')
}
