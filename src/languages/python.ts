import { AgentBundle } from '../agent/bundle.js'
import { agentSource } from '../agent/sources.js'
import type { LanguageManifest } from './manifest.js'

const PARTS = [
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

/** Python, with its agent. */
export const PYTHON = {
  agent: {
    // -I: nothing of the working directory or the environment; -u: no output is lost by a kill.
    command: ['python3', '-I', '-u', '-X', 'utf8', '-c', agentSource('python/loader.py')],
    bundle: new AgentBundle(PARTS.map((part) => agentSource(`python/${part}.py`)).join('\n')),
    tasksPerProgram: 2,
    reaper: 'agent',
  },
  images: ['python:3.13-slim', 'hono-sandbox/python:bookworm'],
  contents: { packages: ['python3'] },
  imageVariable: 'SANDBOX_BASE_PYTHON_IMAGE',
} as const satisfies LanguageManifest
