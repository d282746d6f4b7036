import { expect, it } from 'vitest'
import { codesIn, readText, tableOf } from '../../helpers/docs.js'

/** Returns the members of an interface of the port, also its methods. */
function membersOf(name: string): string[] {
  const [, body = ''] =
    new RegExp(`interface ${name} \\{\n(.*?)\n\\}`, 's').exec(readText('src/engine/engine.ts')) ??
    []
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??[:(]/gm)].map(([, member = '']) => member)
}

it.each([
  ['Of the engine', 'Engine'],
  ['Of the container', 'Container'],
])('the table "%s" has every member', (header, name) => {
  const { rows } = tableOf('docs/writing-an-engine.md', header)
  const listed = rows.flatMap(([cell = '']) =>
    codesIn(cell).map((code) => code.replace(/\(.*/, '')),
  )
  expect(listed.sort()).toEqual(membersOf(name).sort())
  expect(listed.length).toBeGreaterThan(4)
})
