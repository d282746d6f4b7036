import { readdirSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { codesIn, readText, root, tableOf } from '../helpers/docs.js'

const ROOMS = new Map(
  tableOf('ARCHITECTURE.md', 'Room').rows.map(([name = '', , imports = '']) => [
    codesIn(name)[0] ?? '',
    codesIn(imports),
  ]),
)

const EXAMPLES = [...ROOMS.keys()].filter((room) => room.startsWith('examples/'))

/** The rooms that may import these packages. Each room may import any other package. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  '@kubernetes/client-node': ['engine/kubernetes'],
  dockerode: ['engine/docker'],
  '@opentelemetry/api': ['telemetry'],
  'modern-tar': ['sandbox/archive'],
  '@modelcontextprotocol/server': ['mcp'],
  '@valibot/to-json-schema': ['mcp'],
  hono: ['middleware', 'mcp', ...EXAMPLES],
  '@hono/node-server': ['middleware', ...EXAMPLES],
}

const files = ['src', 'middleware', 'examples'].flatMap((folder) =>
  readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => `${folder}/${name}`),
)

/** Returns the room of a file: `src/pool/lease.ts` is in `pool`, `src/errors.ts` is `errors`. */
function roomOf(file: string): string {
  const folder = path.dirname(file)
  return folder === 'src' ? path.basename(file, '.ts') : folder.replace(/^src\//, '')
}

/** Returns the source of an imported file: `room/file.js` is `room/file.ts` or `room/file.tsx`. */
function sourceOf(imported: string): string {
  const name = imported.replace(/\.js$/, '')
  return [`${name}.ts`, `${name}.tsx`].find((each) => files.includes(each)) ?? `${name}.ts`
}

/** Returns the imports of a file, also types: files as paths, packages as names. */
function importsOf(file: string): string[] {
  const found = readText(file).matchAll(/^(?:import|export)\b[^'"]*?(?:from )?'([^']+)'/gm)
  return Array.from(found, ([, specifier = '']) =>
    specifier.startsWith('.') ? sourceOf(path.join(path.dirname(file), specifier)) : specifier,
  )
}

describe('the rooms of ARCHITECTURE.md', () => {
  it('are complete in the table, and each room imports only rooms above it', () => {
    expect([...ROOMS.keys()].sort()).toEqual([...new Set(files.map(roomOf))].sort())
    const above = new Set<string>()
    for (const [room, imports] of ROOMS) {
      for (const other of imports) expect(above, `${room} imports ${other}`).toContain(other)
      above.add(room)
    }
  })

  it('import exactly the rooms in the table', () => {
    const used = new Map([...ROOMS.keys()].map((room) => [room, new Set<string>()]))
    for (const file of files) {
      const room = roomOf(file)
      for (const imported of importsOf(file)) {
        if (files.includes(imported) && roomOf(imported) !== room) {
          expect(ROOMS.get(room), `${file} imports ${imported}`).toContain(roomOf(imported))
          used.get(room)?.add(roomOf(imported))
        }
      }
    }
    for (const [room, imports] of ROOMS) {
      expect([...imports].sort(), `the imports of ${room}`).toEqual(
        [...(used.get(room) ?? [])].sort(),
      )
    }
  })

  it('import dockerode, hono and the Node server only if they may', () => {
    for (const file of files) {
      for (const imported of importsOf(file)) {
        const name = /^(?:@[^/]+\/)?[^/]+/.exec(imported)?.[0] ?? ''
        const rooms = PACKAGES[name]
        if (rooms) expect(rooms, `${file} imports ${imported}`).toContain(roomOf(file))
      }
    }
  })
})
