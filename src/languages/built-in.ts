import { AgentProgram } from '../agent/bundle.js'
import { agentSource } from '../agent/sources.js'

/** The agents there are, each in the language that it is written in and runs code of. */
export type AgentName = 'python' | 'nodejs'

/** The languages that a pool knows by itself. */
export type BuiltInLanguage = AgentName | 'typescript'

/** A language by its name: a built-in one, or one that was defined with `defineLanguage()`. */
// The empty intersection keeps the names in what an editor offers.
export type Language = BuiltInLanguage | (string & Record<never, never>)

/** How an agent is started. */
interface AgentDefinition {
  /** Its command line. What loads it is in it, so that any image will do. Its config comes after. */
  command: readonly string[]
  /** What is loaded. */
  agent: AgentProgram
  /** Processes and threads that a program of it takes: measured 11 for Node, which has a spare besides. */
  tasks: number
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
  'notation',
  'frames',
  'identity',
  'usual',
  'preload',
  'feeds',
  'programs',
  'deadlines',
  'contexts',
  'files',
  'jobs',
  'line',
  'rich',
  'values',
  'runner',
  'zygote',
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
    command: ['python3', '-I', '-u', '-X', 'utf8', '-c', agentSource('python/loader.py')],
    agent: new AgentProgram(
      PYTHON_PARTS.map((part) => agentSource(`python/${part}.py`)).join('\n'),
    ),
    tasks: 2,
    reaper: 'agent',
  },
  nodejs: {
    command: ['node', '-e', agentSource('nodejs/loader.cjs')],
    agent: new AgentProgram(nodejsProgram()),
    tasks: 16,
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

/** Two functions, for two processes: in brackets, or V8 would put off compiling them. */
function nodejsProgram(): string {
  const body = (parts: string[]) =>
    parts.map((part) => agentSource(`nodejs/${part}.cjs`)).join('\n')
  const agent = `(function (script, payload) {\n${body(NODEJS_PARTS)}\n})`
  const runner = `(function () {\n${body(NODEJS_RUNNER_PARTS)}\n})`
  return `({ agent: ${agent}, runner: ${runner} })`
}
