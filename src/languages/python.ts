import { basename } from 'node:path'
import { AgentBundle } from '../agent/bundle.js'
import { agentSources } from '../agent/sources.js'
import type { LanguageManifest } from './manifest.js'

const { 'loader.py': loader = '', ...modules } = agentSources('python')

/** Python, with its agent. */
export const PYTHON = {
  agent: {
    // -I ignores the working directory and the environment. With -u a kill loses no output.
    command: ['python3', '-I', '-u', '-X', 'utf8', '-c', compiledFirst(loader)],
    bundle: new AgentBundle(source()),
    tasksPerProgram: 2,
    reaper: 'agent',
  },
  images: ['python:3.13-slim', 'hono-sandbox/python:bookworm'],
  contents: { packages: ['python3'] },
  imageVariable: 'SANDBOX_BASE_PYTHON_IMAGE',
} as const satisfies LanguageManifest

/**
 * Code that compiles a script and then runs it. Python keeps the syntax tree of its command until the
 * command has ended. A program ends it (`outermost.py`), and would pay for the tree.
 */
function compiledFirst(script: string): string {
  return `exec(compile(${JSON.stringify(script)}, '<string>', 'exec'))`
}

/** The text of each module of the agent, by the name of the module. */
function source(): string {
  const entries = Object.entries(modules)
  return JSON.stringify(
    Object.fromEntries(entries.map(([file, text]) => [basename(file, '.py'), text])),
  )
}
