import { describe, expect, it } from 'vitest'
import { places, useFolders } from '../helpers/agent-places.js'

const file = (path: string, content = '') => {
  const base64 = Buffer.from(content).toString('base64')
  return { type: 'file', path, mode: 0o640, mtimeMs: 1_000_500, content: base64 } as const
}
const lines = (stdout: Buffer): unknown[] =>
  stdout
    .toString()
    .trim()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))

describe.each(places)('archives of the $language agent, $where', (place) => {
  const folderOfTest = useFolders(place)

  it('unpack places entries in their order and makes missing folders, pack reads files', async () => {
    const folder = await folderOfTest()
    const at = (name: string) => folder.pathOf(name)
    const entries = [
      file(at('new/deep/f'), 'one'),
      { type: 'directory', path: at('empty'), mode: 0o711, mtimeMs: 1000 },
      { type: 'symlink', path: at('s'), to: 'new/deep' },
      { type: 'link', path: at('h'), to: at('new/deep/f') },
      file(at('new/deep/f'), 'two'),
    ] as const
    const answer = await folder.agent.ask({ op: 'unpack', entries })
    expect([lines(answer.stdout), answer.done]).toEqual([[], {}])
    expect(await folder.sh('cat h new/deep/f; readlink s')).toBe('onetwonew/deep\n')
    expect((await folder.list()).find(({ path }) => path === 'empty')).toMatchObject({
      mode: 0o711,
      mtimeMs: 1000,
    })
    const paths = [at('h'), at('gone'), at('s/f'), at('empty')]
    const packed = lines((await folder.agent.ask({ op: 'pack', paths })).stdout)
    expect(packed).toMatchObject([
      { path: at('h'), size: 3, mode: 0o640, mtimeMs: 1_000_500, content: 'b25l' },
      { path: at('gone'), code: 'ENOENT' },
      { path: at('s/f'), code: expect.stringMatching(/ELOOP|ENOTDIR/) },
      { path: at('empty'), code: 'EISDIR' },
    ])
  })

  it.each(['', '/etc/x', '../x', 'a/../x', './x', 'a//x', 'a/'])(
    'no operation takes the path %j',
    async (path) => {
      const folder = await folderOfTest()
      const place = { op: 'place', path, mode: 0o644, mtimeMs: 0 } as const
      const requests = [{ op: 'take', path } as const, place]
      for (const request of requests) {
        const { done } = await folder.agent.ask(request)
        expect(done).toMatchObject({ error: { code: 'EINVAL' } })
      }
      const { stdout } = await folder.agent.ask({ op: 'unpack', entries: [file(path)] })
      expect(lines(stdout)).toMatchObject([{ index: 0, code: 'EINVAL' }])
    },
  )

  it('place writes no file through a link, and replaces a link', async () => {
    const folder = await folderOfTest()
    await folder.sh('mkdir real; printf old > real/f; ln -s real dir; ln -s real/f file')
    const through = folder.pathOf('dir/f')
    const { done } = await folder.agent.ask({ op: 'place', path: through, mode: 0o644, mtimeMs: 0 })
    expect(done.error?.code).toMatch(/ELOOP|ENOTDIR/)
    const path = folder.pathOf('file')
    const request = folder.agent.open({ op: 'place', path, mode: 0o4755, mtimeMs: 2000 })
    await request.writeStdin('new')
    request.end()
    await request.answer()
    expect(await folder.sh('cat real/f file; test ! -L file')).toBe('oldnew')
    expect((await folder.list()).find(({ path: name }) => name === 'file')?.mtimeMs).toBe(2000)
  })
})
