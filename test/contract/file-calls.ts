import type { Sandbox } from 'hono-sandbox'
import { SandboxFileError } from 'hono-sandbox'

type Step = [name: string, call: (box: Sandbox) => Promise<unknown>]

const LONG = 'n'.repeat(256)
const text = (path: string) => (box: Sandbox) => box.readFile(path, { format: 'text' })

/** File calls whose outcomes depend on each other, for containers and for their test double. */
const STEPS: readonly Step[] = [
  ['write', (box) => box.writeFile('a.txt', 'one')],
  ['write again', (box) => box.writeFile('a.txt', 'two', { mode: 0o600 })],
  ['write keeps the mode', (box) => box.writeFile('a.txt', 'three')],
  ['stat', (box) => box.stat('./a.txt')],
  ['read', text('a.txt')],
  ['read a part', (box) => box.readFile('a.txt', { offset: 1, length: 2 })],
  ['read beyond the end', (box) => box.readFile('a.txt', { offset: 9 })],
  ['read too much', (box) => box.readFile('a.txt', { maxBytes: 2 })],
  ['read nothing', text('missing')],
  ['read a folder', text('.')],
  ['read below a file', text('a.txt/b')],
  ['read a file as a folder', text('a.txt/')],
  ['stat nothing', (box) => box.stat('missing/deep')],
  ['stat below a file', (box) => box.stat('a.txt/b')],
  ['exists', async (box) => [await box.exists('a.txt'), await box.exists('a.txt/b')]],
  ['write into no folder', (box) => box.writeFile('no/b', '')],
  ['write below a file', (box) => box.writeFile('a.txt/b', '')],
  ['write a folder', (box) => box.writeFile('.', '')],
  ['write with a slash', (box) => box.writeFile('b/', '')],
  ['write a long name', (box) => box.writeFile(LONG, '')],
  ['write a long path', (box) => box.writeFile('a/'.repeat(3000), '')],
  ['write the root', (box) => box.writeFile('/x', '')],
  ['write atomically', (box) => box.writeFile('b.txt', 'b', { atomic: true })],
  ['write atomically into no folder', (box) => box.writeFile('no/b', '', { atomic: true })],
  ['write too much', (box) => box.writeFile('big', Buffer.alloc(2 * 1024 * 1024))],
  [
    'write too much atomically',
    (box) => box.writeFile('a.txt', Buffer.alloc(2e6), { atomic: true }),
  ],
  ['read what was kept', text('a.txt')],
  ['delete', (box) => box.deleteFile('big')],
  ['mkdir', (box) => box.mkdir('one/')],
  ['mkdir again', (box) => box.mkdir('one')],
  ['mkdir again, recursive', (box) => box.mkdir('one', { recursive: true })],
  ['mkdir of a file', (box) => box.mkdir('a.txt', { recursive: true })],
  ['mkdir below a file', (box) => box.mkdir('a.txt/b/c', { recursive: true })],
  ['mkdir below nothing', (box) => box.mkdir('two/three')],
  ['mkdir deep', (box) => box.mkdir('two/three/four', { recursive: true })],
  ['mkdir in the root', (box) => box.mkdir('/x/y', { recursive: true })],
  ['write deep', (box) => box.writeFile('two/three/c.txt', 'c')],
  ['list', (box) => box.listFiles()],
  ['list all', (box) => box.listFiles('/workspace', { recursive: true })],
  ['list a folder', (box) => box.listFiles('two')],
  ['list a file', (box) => box.listFiles('a.txt')],
  ['list nothing', (box) => box.listFiles('missing')],
  ['collect', async (box) => (await box.collect({ glob: '**/*.txt' })).files],
  ['move nothing', (box) => box.moveFile('missing', 'x')],
  ['move to no folder', (box) => box.moveFile('b.txt', 'no/b')],
  ['move below a file', (box) => box.moveFile('one', 'a.txt/b')],
  ['move a file onto a folder', (box) => box.moveFile('b.txt', 'one')],
  ['move a folder onto a file', (box) => box.moveFile('one', 'b.txt')],
  ['move a folder into itself', (box) => box.moveFile('two', 'two/five')],
  ['move onto a full folder', (box) => box.moveFile('one', 'two')],
  ['move onto itself', (box) => box.moveFile('b.txt', 'b.txt')],
  ['move onto a file', (box) => box.moveFile('b.txt', 'a.txt')],
  ['move a folder onto an empty one', (box) => box.moveFile('two', 'one')],
  ['move a file to another file system', (box) => box.moveFile('a.txt', '/tmp/moved.txt')],
  ['move a folder there', (box) => box.moveFile('one', '/tmp/one')],
  ['read the moved file', text('/tmp/moved.txt')],
  ['delete a folder', (box) => box.deleteFile('one')],
  ['delete nothing', (box) => box.deleteFile('missing', { recursive: true })],
  ['delete below a file', (box) => box.deleteFile('/tmp/moved.txt/b')],
  ['delete with a slash', (box) => box.deleteFile('/tmp/moved.txt/')],
  ['list the rest', (box) => box.listFiles('.', { recursive: true })],
  ['delete all', (box) => box.deleteFile('one', { recursive: true })],
  ['list nothing more', (box) => box.listFiles()],
]

/** Makes all file calls. Returns their values and errnos, without times and the sizes of folders. */
export async function outcomesOfFileCalls(box: Sandbox): Promise<[string, unknown][]> {
  const outcomes: [string, unknown][] = []
  for (const [name, call] of STEPS) outcomes.push([name, await call(box).catch(errnoOf)])
  const plain: [string, unknown][] = JSON.parse(JSON.stringify(outcomes, withoutTimes))
  return plain
}

function errnoOf(error: unknown): unknown {
  // gVisor checks the permissions before it finds that the root is read-only.
  if (error instanceof SandboxFileError) return error.errno.replace('EACCES', 'EROFS')
  throw error
}

function withoutTimes(key: string, value: unknown): unknown {
  if (key === 'mtimeMs') return undefined
  const isFolder = typeof value === 'object' && value !== null && 'type' in value
  return isFolder && value.type === 'directory' ? { ...value, size: 0 } : value
}
