import { describe, expect, it } from 'vitest'
import { agentSources } from '../../../src/agent/sources.js'

const REQUIRE = /const (?:\{([^}]*)\}|\w+) = require\('\.\/([\w-]+\.cjs)'\)/g
const COMMENTS = /\/\*[^]*?\*\/|\/\/.*/g
const ENTRIES = ['agent.cjs', 'runner.cjs']

interface Module {
  requires: { file: string; names: readonly string[] }[]
  exports: readonly string[]
}

/** Returns the names in an object literal or a pattern: `a` and `b` for `a, b: c`. */
const namesIn = (braces = '') =>
  braces.split(',').flatMap((part) => /^\s*(\w+)/.exec(part.replace(COMMENTS, ''))?.[1] ?? [])

const modules = new Map(
  Object.entries(agentSources('nodejs'))
    .filter(([name]) => name !== 'loader.cjs' && name !== 'load.cjs')
    .map(([name, source]): [string, Module] => {
      const text = source.replace(COMMENTS, '')
      const requires = [...text.matchAll(REQUIRE)].map(([, braces, file = '']) => ({
        file,
        names: namesIn(braces),
      }))
      return [name, { requires, exports: namesIn(/module\.exports = \{([^}]*)\}/.exec(text)?.[1]) }]
    }),
)
const requiresOf = (name: string) => modules.get(name)?.requires ?? []

/** Adds the modules that a module needs to a set. Throws if a module needs itself. */
function addNeeded(name: string, needed: Set<string>, above: readonly string[] = []): Set<string> {
  const path = [...above, name]
  if (above.includes(name)) throw new Error(`a cycle: ${path.join(' -> ')}`)
  needed.add(name)
  for (const { file } of requiresOf(name)) addNeeded(file, needed, path)
  return needed
}
const neededBy = (...entries: readonly string[]) => {
  const needed = new Set<string>()
  for (const entry of entries) addNeeded(entry, needed)
  return needed
}

describe('the modules of the Node agent', () => {
  it.each([...modules.keys()])('export all names that %s requires', (name) => {
    for (const { file, names } of requiresOf(name)) {
      expect(modules.get(file)?.exports, file).toEqual(expect.arrayContaining([...names]))
    }
  })

  it('have no cycle, and each module is needed', () => {
    const needed = neededBy(...ENTRIES)
    expect([...needed].sort()).toEqual([...modules.keys()])
  })

  it('export only names that another module requires', () => {
    const required = new Set<string>()
    for (const { file, names } of [...modules.values()].flatMap(({ requires }) => requires)) {
      for (const name of names) required.add(`${file} ${name}`)
    }
    const exported = [...modules].flatMap(([file, { exports }]) =>
      exports.map((name) => `${file} ${name}`),
    )
    const starts = ENTRIES.map((entry) => `${entry} start`)
    expect(exported.filter((name) => !required.has(name)).sort()).toEqual(starts)
  })

  it('share exactly three modules between the agent and the runner', () => {
    const [agent, runner] = ENTRIES.map((entry) => neededBy(entry))
    const shared = [...modules.keys()].filter((name) => agent?.has(name) && runner?.has(name))
    expect(shared).toEqual(['child-protocol.cjs', 'config.cjs', 'main-name.cjs'])
  })
})
