import { expect, it } from 'vitest'
import type { StoredFile } from '../../../examples/librechat/file-store.js'
import { FileStore } from '../../../examples/librechat/file-store.js'
import { useCacheClock } from '../fakes/fake-time.js'

const HOUR_MS = 60 * 60_000

const fileOf = (name: string): StoredFile => ({
  name,
  mimeType: 'text/plain',
  content: new Uint8Array(1),
  modifiedAt: new Date(0),
  isReadOnly: false,
})

it('a session is kept for 24 hours, also if one of its files is deleted', () => {
  const passTo = useCacheClock()
  const store = new FileStore(1_000_000)
  passTo(1)
  const { session, files } = store.add('ada', [fileOf('a'), fileOf('b')])
  passTo(23 * HOUR_MS)
  const [first = ''] = files.keys()
  expect(store.delete('ada', session, first)).toBe(true)
  expect(store.list('ada', session)?.size).toBe(1)
  passTo(24 * HOUR_MS + 2)
  expect(store.list('ada', session)).toBeUndefined()
})
