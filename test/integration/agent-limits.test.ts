import { describe, expect, it } from 'vitest'
import type { FileRequest } from '../../src/agent/protocol.js'
import { Kind, WINDOW_BYTES } from '../../src/agent/protocol.js'
import type { Agent } from '../helpers/agent.js'
import type { Folder } from '../helpers/agent-folder.js'
import { entriesOf, exec, run, sh } from '../helpers/agent-folder.js'
import {
  descriptorsOf,
  isSlow,
  ownFolderOfTest,
  places,
  useFolders,
} from '../helpers/agent-places.js'
import { until } from '../helpers/until.js'

const MIB = 1024 * 1024
/** More than is ever used. */
const CREDIT = 256 * MIB
const inProcess = places.filter(({ where }) => where === 'process')
const inContainers = places.filter(({ where }) => where !== 'process')
/** gVisor's cgroups are outside of the container: its agent sees less of what was refused. */
const underGvisor = places.filter(({ where }) => where === 'runsc')
const underRunc = places.filter(({ where }) => where === 'runc')

/** Opens a request that takes long, and others right behind it: says where these were answered. */
async function amid(folder: Folder, request: FileRequest) {
  const { agent } = folder
  await folder.write('small', 'small')
  const cat = folder.start('exec cat')
  void cat.writeStdin('one ')
  await cat.says('one ')
  const from = agent.frames.length
  const name = 'behind it'
  const { long, reading } = agent.together(() => {
    const long = folder.open(request, { givesCredit: false })
    long.grant(CREDIT)
    agent.send(Kind.ping, 0, Buffer.from(name))
    void cat.writeStdin('two')
    return { long, reading: folder.open({ op: 'read', path: 'small' }) }
  })
  await cat.says('one two')
  const catAt = agent.frames.findLastIndex(({ id }) => id === cat.id)
  await reading.answer()
  const pingAt = agent.indexOf(Kind.ping, name, from)
  cat.end()
  await cat.answer()
  return { long, pingAt, readingAt: reading.doneAt, catAt }
}

describe.each(places)('what takes a $language agent long, $where', (place) => {
  const folderOfTest = useFolders(place)
  const COUNT = isSlow(place) ? 4000 : 20_000
  const crowd = async () => {
    const folder = await folderOfTest()
    await folder.sh(`mkdir -p many/sub; cd many/sub; seq ${COUNT} | xargs touch`)
    return folder
  }
  const list = { op: 'list', path: 'many', recursive: true } as const
  const remove = { op: 'delete', path: 'many', recursive: true } as const

  const longOnes = [
    ['a long delete', remove, 0],
    ['a long listing', list, COUNT + 1],
    ['the listing of a full folder', { op: 'list', path: 'many/sub' } as const, COUNT],
  ] as const

  it.each(isSlow(place) ? longOnes.slice(0, 1) : longOnes)(
    'lets others go on: %s',
    async (_, request, count) => {
      // On a busy machine a program may need longer than all this takes, but not each time.
      for (let isBetween = false, attempt = 1; !isBetween; attempt++) {
        const folder = await crowd()
        const { long, pingAt, readingAt, catAt } = await amid(folder, request)
        const { stdout, done } = await long.answer()
        expect(done).toEqual({})
        expect(pingAt, 'the ping came back before it was over').toBeLessThan(long.doneAt)
        expect(readingAt, 'the file was read before it was over').toBeLessThan(long.doneAt)
        const paths = entriesOf(stdout).map(({ path }) => path)
        expect([paths.length, new Set(paths).size]).toEqual([count, count])
        if (request === remove) expect(await folder.tree()).toEqual(['small'])
        else await folder.well(remove)
        isBetween = catAt < long.doneAt
        expect(attempt, 'a program answered before it was over').toBeLessThan(5)
      }
    },
  )

  it('lets others go on: a read without an end', async () => {
    const folder = await folderOfTest()
    await folder.sh('truncate -s 100G big')
    const { long } = await amid(folder, { op: 'read', path: 'big' })
    // All have answered, and not because this one stands still.
    expect(long.received()).toBeLessThan(CREDIT)
    long.signal('SIGTERM')
    expect((await long.answer()).done.error?.code).toBe('ECANCELED')
  })

  it.skipIf(isSlow(place)).each([
    ['a long listing', list],
    ['a long delete', remove],
  ])('is stopped by a signal: %s', async (_, request) => {
    const folder = await crowd()
    const call = folder.agent.together(() => {
      const call = folder.open(request, { givesCredit: false })
      call.grant(CREDIT)
      call.signal('SIGTERM')
      return call
    })
    expect((await call.answer()).done.error?.code).toBe('ECANCELED')
    const left = await folder.tree()
    expect(left.length).toBeGreaterThan(request === list ? COUNT : 1)
    await folder.well(remove)
  })

  it.skipIf(isSlow(place))('is a listing of what comes and goes', async () => {
    const folder = await folderOfTest()
    await folder.sh('mkdir d d/a d/z; : > d/z/f')
    const names = 'seq -f n%g 300'
    const script = `while :; do ${names} | xargs touch; mkdir -p x/y; ${names} | xargs rm; rm -r x; done`
    const busy = folder.start(`echo ready; cd d; ${script}`)
    await busy.says('ready\n')
    for (let round = 0; round < 8; round++) {
      // Many at once: each waits for its turn between a name and a look at what has it.
      const trees = await Promise.all(Array.from({ length: 20 }, () => folder.tree('d')))
      for (const tree of trees) expect(tree).toEqual(expect.arrayContaining(['a', 'z', 'z/f']))
    }
    busy.signal('SIGKILL')
    await busy.answer()
  })
})

describe.each(inContainers)('a full disk of a $language agent, $where', (place) => {
  it('is ENOSPC to a write, and leaves an atomic one as it was', async () => {
    const folder = await ownFolderOfTest(place)
    await folder.sh('printf old > old; head -c 63M /dev/zero > /workspace/filling')
    const much = Buffer.alloc(2 * MIB, 'x')
    for (const request of [
      { op: 'write', path: 'old', atomic: true },
      { op: 'write', path: 'new' },
    ] as const) {
      const { done } = await folder.ask(request, much)
      expect(done.error?.code).toBe('ENOSPC')
      if (request.path === 'old') expect(await folder.tree()).toEqual(['old'])
    }
    expect(await folder.read('old')).toBe('old')
    await folder.well({ op: 'delete', path: '/workspace/filling' })
    await folder.write('new', 'new')
    expect(await folder.read('new')).toBe('new')
  })
})

describe.each(underRunc)('what the kernel refuses programs of a $language agent', (place) => {
  it.each([
    ['disk', 'head -c 100M /dev/zero > big'],
    ['pids', 'i=0; while [ $i -lt 200 ]; do sleep 300 & i=$((i+1)); done'],
    ['oom', 'tail /dev/zero'],
  ])('is told as the cause: %s', async (cause, script) => {
    const folder = await ownFolderOfTest(place)
    const { done } = await folder.agent.ask(sh(`echo ${cause}; exit 1`))
    expect(done).toMatchObject({ exitCode: 1 })
    expect(done.cause ?? null).toBeNull()
    const refused = await folder.agent.ask(sh(script))
    expect(refused.done.exitCode).not.toBe(0)
    expect(refused.done.cause).toBe(cause)
  })

  it('is no cause of one that does well all the same', async () => {
    const folder = await ownFolderOfTest(place)
    const { done } = await folder.agent.ask(sh('head -c 100M /dev/zero > big; exit 0'))
    expect(done.exitCode).toBe(0)
    expect(done.cause ?? null).toBeNull()
  })
})

describe.each(underGvisor)('what gVisor refuses programs of a $language agent', (place) => {
  it('is told as the cause if they say it: pids', async () => {
    const { agent } = await ownFolderOfTest(place)
    // It is no cause while there is room: the text is of any errno that is EAGAIN.
    const said = await agent.ask(sh('echo Resource temporarily unavailable >&2; exit 1'))
    expect(said.done.cause ?? null).toBeNull()
    const refused = await agent.ask(
      sh('i=0; while [ $i -lt 200 ]; do sleep 300 & i=$((i+1)); done'),
    )
    expect(refused.done).toMatchObject({ exitCode: 2, cause: 'pids' })
    expect((await agent.ask(sh('echo well'))).stdout.toString()).toBe('well\n')
  })
})

describe.each(inProcess)('descriptors of a $language agent', (place) => {
  /** Each kind of request, ended in each way. */
  async function round(folder: Folder): Promise<void> {
    const { agent } = folder
    const requests: FileRequest[] = [
      { op: 'write', path: 'f' },
      { op: 'write', path: 'f', atomic: true },
      { op: 'write', path: '.' },
      { op: 'write', path: '.', atomic: true },
      { op: 'write', path: 'fifo' },
      { op: 'read', path: 'big', length: 10 },
      { op: 'read', path: 'fifo' },
      { op: 'read', path: '.' },
      { op: 'read', path: 'missing' },
      { op: 'list', path: '.', recursive: true },
      { op: 'list', path: 'f' },
      { op: 'mkdir', path: 'd/e', recursive: true },
      { op: 'delete', path: 'd', recursive: true },
      { op: 'stat', path: 'f' },
    ]
    for (const request of requests) await folder.ask(request, 'text')
    const stopped: FileRequest[] = [
      { op: 'read', path: 'big' },
      { op: 'write', path: 'f' },
      { op: 'write', path: 'f', atomic: true },
      { op: 'list', path: '/usr', recursive: true },
    ]
    for (const request of stopped) {
      const call = folder.open(request, { givesCredit: false })
      call.signal('SIGTERM')
      expect((await call.answer()).done.error?.code).toBe('ECANCELED')
    }
    await agent.ask(run('1'))
    await agent.ask(exec('no-such-program'))
    await agent.ask(sh('true', { cwd: '/no/folder' }))
    const orphan = Number((await agent.ask(sh('sleep 300 & echo $!'))).stdout)
    await agent.ask(exec('kill', `${orphan}`))
    const flood = agent.open(exec('yes'), { givesCredit: false })
    await flood.sends(WINDOW_BYTES)
    flood.signal('SIGKILL')
    flood.grant(4 * MIB)
    await flood.answer()
  }

  /** What is made ready for the next programs counts too, and is used up before there is more. */
  async function leastOf(agent: Agent): Promise<number> {
    let least = Infinity
    for (let runs = 0; runs < 5; runs++) {
      await agent.ask(run('1'))
      least = Math.min(least, descriptorsOf(agent))
    }
    return least
  }

  it('come back, however a request has ended', async () => {
    const folder = await ownFolderOfTest(place)
    await folder.sh('mkfifo fifo; truncate -s 1M big')
    await round(folder)
    const before = await leastOf(folder.agent)
    for (let times = 0; times < 10; times++) await round(folder)
    await until('they come back', async () => (await leastOf(folder.agent)) < before + 10)
  })
})
