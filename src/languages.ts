import { readFileSync } from 'node:fs'

/** A language the pool can hold containers of. */
export type Language = 'python' | 'nodejs'

/** What makes a language: where its interpreter comes from and how its agent is started. */
export interface LanguageDefinition {
  /** Images that have it, best first: from a registry, or as set-up builds it without one. */
  images: readonly [registry: string, local: string]
  /** The variable by which the operator names another image. */
  imageVariable: 'SANDBOX_BASE_PYTHON_IMAGE' | 'SANDBOX_BASE_NODEJS_IMAGE'
  /** The agent's command line. Its source is in it, so that any image will do. */
  command: readonly string[]
  /** A Python agent reaps as PID 1; Node cannot wait for children it did not start. */
  reaper: 'agent' | 'engine'
}

const PYTHON_PARTS = ['frames', 'identity', 'programs', 'files', 'jobs', 'runner', 'agent']
const NODEJS_PARTS = ['frames', 'identity', 'programs', 'files', 'jobs', 'agent']

/** Every language, by its name. */
export const LANGUAGES: Readonly<Record<Language, LanguageDefinition>> = {
  python: {
    images: ['python:3.13-slim', 'hono-sandbox/python:bookworm'],
    imageVariable: 'SANDBOX_BASE_PYTHON_IMAGE',
    // -I: nothing of the working directory or the environment; -u: no output is lost by a kill.
    command: ['python3', '-I', '-u', '-X', 'utf8', '-c', source('python', 'py', PYTHON_PARTS)],
    reaper: 'agent',
  },
  nodejs: {
    images: ['node:24-slim', 'hono-sandbox/nodejs:24'],
    imageVariable: 'SANDBOX_BASE_NODEJS_IMAGE',
    command: [
      'node',
      '-e',
      source('nodejs', 'cjs', NODEJS_PARTS),
      source('nodejs', 'cjs', ['runner']),
    ],
    reaper: 'engine',
  },
}

/** Whether a pool can have it. */
export function isLanguage(name: string): name is Language {
  return Object.hasOwn(LANGUAGES, name)
}

/** An agent is one program, kept in rooms: its parts in their order. */
function source(folder: string, extension: string, parts: readonly string[]): string {
  const read = (part: string) =>
    readFileSync(new URL(`./agent/${folder}/${part}.${extension}`, import.meta.url), 'utf8')
  return parts.map(read).join('\n')
}
