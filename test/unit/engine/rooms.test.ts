import { readdirSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { readText, root } from '../../helpers/docs.js'

const sources = ['src', 'middleware']
  .flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
      path.join(folder, name),
    ),
  )
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ name, code: withoutComments(readText(name)) }))

const DOCKER = 'src/engine/docker/'
/** Set-up installs Docker and gVisor, and prints texts about both. */
const SETUP = 'src/cli/'

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*\*.*?\*\//gs, '').replaceAll(/\/\/ .*/g, '')
}

/** The sources outside of some folders that have something in their code. */
function sourcesWith(pattern: RegExp, ...without: readonly string[]): string[] {
  const others = sources.filter(({ name }) => !without.some((folder) => name.startsWith(folder)))
  return others.filter(({ code }) => pattern.test(code)).map(({ name }) => name)
}

/** The files that a file imports, for values or for types. */
function importsOf({ name, code }: (typeof sources)[number]): string[] {
  const found = [...code.matchAll(/from '(\.[^']+)\.js'/g)].map(([, to = '']) => `${to}.ts`)
  return found.map((to) => path.join(path.dirname(name), to))
}

describe('what is of Docker', () => {
  it('is known in its folder alone: the client', () => {
    expect(sourcesWith(/'dockerode'/)).not.toEqual([])
    expect(sourcesWith(/'dockerode'/, DOCKER)).toEqual([])
  })

  it('is known in its folder and in set-up alone: the names of its runtimes', () => {
    const names = /\brunsc\b|\brunc\b|gvisor/i
    expect(sourcesWith(names)).not.toEqual([])
    expect(sourcesWith(names, DOCKER, SETUP)).toEqual([])
  })

  it('is imported by the default engine of a pool, by set-up and by the public face alone', () => {
    const importing = sourcesWith(/from '\.[^']*engine\/docker\//, DOCKER)
    expect(importing.sort()).toEqual(['src/cli/main.ts', 'src/index.ts', 'src/sandbox-pool.ts'])
  })
})

describe('the files of set-up', () => {
  it('import each other in one direction, types too', () => {
    const imports = new Map(sources.map((source) => [source.name, importsOf(source)] as const))
    const isReached = (from: string, to: string, seen = new Set<string>()): boolean =>
      (imports.get(from) ?? []).some((next) => {
        if (next === to) return true
        if (seen.has(next)) return false
        seen.add(next)
        return isReached(next, to, seen)
      })
    const files = [...imports.keys()].filter((name) => name.startsWith(SETUP))
    expect(files.length).toBeGreaterThan(10)
    expect(files.filter((name) => isReached(name, name))).toEqual([])
  })
})
