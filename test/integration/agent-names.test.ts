import { describe, expect, it } from 'vitest'
import { isSlow, places, useFolders } from '../helpers/agent-places.js'

/** Names of valid UTF-8, which are not changed. */
const NAMES = [
  'a b',
  'a\nb',
  ' ',
  '\t',
  '"quoted"',
  'it’s ’',
  "it's '",
  '\\',
  '\\udcff',
  '*?[x]',
  '$HOME`id`;&',
  '-rf',
  '...',
  '.hidden',
  '%s%n',
  '\x01\x1f\x7f',
  'žluťoučký 🐎',
  'e\u0301 is not é',
  '\u2028\u2029\ufeff\ufffd\uffff',
  '\u0080\u07ff\u0800\ud7ff\ue000\u{10000}\u{10ffff}',
]

/** Names of invalid UTF-8: their bytes, and the characters that represent them. */
const BYTES: readonly (readonly [readonly number[], string])[] = [
  [[0xff], '\udcff'],
  [[0x61, 0x80, 0x62], 'a\udc80b'],
  [[0xc3, 0x28], '\udcc3('],
  [[0xc5, 0xbe, 0xc5], 'ž\udcc5'],
  [[0xf0, 0x9f, 0x90, 0x7a], '\udcf0\udc9f\udc90z'],
  // An overlong slash, single surrogates, and a number beyond the last character.
  [[0xc0, 0xaf], '\udcc0\udcaf'],
  [[0xed, 0xb3, 0xbf], '\udced\udcb3\udcbf'],
  [[0xed, 0xa0, 0x80], '\udced\udca0\udc80'],
  [[0xf4, 0x90, 0x80, 0x80], '\udcf4\udc90\udc80\udc80'],
  [[0xf0, 0x9f, 0x90, 0x8e, 0xff, 0x0a], '🐎\udcff\n'],
]

const all = [...NAMES.map((name) => [[...Buffer.from(name)], name] as const), ...BYTES]

const some = all.filter((_, at) => at % 8 === 7)

describe.each(places)('file names of the $language agent, $where', (place) => {
  const folderOfTest = useFolders(place)

  it.each(isSlow(place) ? some : all)(
    'the agent maps the bytes %j to the name %j in both directions',
    async (bytes, name) => {
      const folder = await folderOfTest()
      const hex = bytes.map((byte) => byte.toString(16).padStart(2, '0'))
      await folder.write(name, 'x')
      // The name as programs see it, in hexadecimal.
      const look = `for f in * .[!.]* ..?*; do [ -e "$f" ] && printf %s "$f"; done; :`
      expect((await folder.sh(`(${look}) | od -An -v -tx1`)).trim().split(/\s+/)).toEqual(hex)
      expect(await folder.list()).toMatchObject([{ path: name, type: 'file', size: 1 }])
      expect(await folder.stat(name)).toMatchObject({ path: folder.pathOf(name), size: 1 })
      expect(await folder.read(name)).toBe('x')
      await folder.expectSuccess({ op: 'move', path: name, to: 'elsewhere' })
      await folder.expectSuccess({ op: 'mkdir', path: `${name}/${name}`, recursive: true })
      await folder.expectSuccess({ op: 'move', path: 'elsewhere', to: `${name}/${name}/${name}` })
      expect(await folder.tree()).toEqual([name, `${name}/${name}`, `${name}/${name}/${name}`])
      await folder.expectSuccess(
        { op: 'write', path: `${name}/${name}/${name}`, atomic: true },
        'atomic',
      )
      expect(await folder.read(`${name}/${name}/${name}`)).toBe('atomic')
      await folder.expectSuccess({ op: 'delete', path: `${name}/${name}/${name}` })
      await folder.expectSuccess({ op: 'delete', path: name, recursive: true })
      expect(await folder.list()).toEqual([])
    },
  )
})
