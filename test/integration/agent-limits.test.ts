import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
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
/** More credit than any request uses. */
const CREDIT = 256 * MIB
const inProcess = places.filter(({ where }) => where === 'process')
const inContainers = places.filter(({ where }) => where !== 'process')
/** The cgroups of gVisor are outside the container, so the agent sees fewer refusals of the kernel. */
const underGvisor = places.filter(({ where }) => where === 'runsc')
const underRunc = places.filter(({ where }) => where === 'runc')

/** Opens a long request and others right after it. Returns the frame indexes of the answers. */
async function startLongRequest(folder: Folder, fileRequest: FileRequest) {
  const { agent } = folder
  await folder.write('small', 'small')
  const cat = folder.start('exec cat')
  void cat.writeStdin('one ')
  await cat.waitForText('one ')
  const from = agent.frames.length
  const name = 'behind it'
  const { long, reading } = agent.inOneWrite(() => {
    const long = folder.open(fileRequest, { grantsCredit: false })
    long.grant(CREDIT)
    agent.send(Kind.ping, 0, Buffer.from(name))
    void cat.writeStdin('two')
    return { long, reading: folder.open({ op: 'read', path: 'small' }) }
  })
  await cat.waitForText('one two')
  const catAt = agent.frames.findLastIndex(({ id }) => id === cat.id)
  await reading.answer()
  const pingAt = agent.indexOf(Kind.ping, name, from)
  cat.end()
  await cat.answer()
  return { long, pingAt, readingAt: reading.doneAt, catAt }
}

describe.each(places)('a long request of the $language agent, $where', (place) => {
  const folderOfTest = useFolders(place)
  const COUNT = isSlow(place) ? 4000 : 20_000
  const crowd = async () => {
    const folder = await folderOfTest()
    await folder.sh(`mkdir -p many/sub; cd many/sub; seq ${COUNT} | xargs touch`)
    return folder
  }
  const list = { op: 'list', path: 'many', recursive: true } as const
  const remove = { op: 'delete', path: 'many', recursive: true } as const

  const longRequests = [
    ['a long delete', remove, 0],
    ['a long listing', list, COUNT + 1],
    ['the listing of a full folder', { op: 'list', path: 'many/sub' } as const, COUNT],
  ] as const

  it.each(isSlow(place) ? longRequests.slice(0, 1) : longRequests)(
    'other requests are answered during %s',
    async (_, request, count) => {
      // On a busy machine a program may answer after the long request, but not in each attempt.
      for (let isBetween = false, attempt = 1; !isBetween; attempt++) {
        const folder = await crowd()
        const { long, pingAt, readingAt, catAt } = await startLongRequest(folder, request)
        const { stdout, done } = await long.answer()
        expect(done).toEqual({})
        expect(pingAt, 'the ping is answered before the long request').toBeLessThan(long.doneAt)
        expect(readingAt, 'the read is answered before the long request').toBeLessThan(long.doneAt)
        const paths = entriesOf(stdout).map(({ path }) => path)
        expect([paths.length, new Set(paths).size]).toEqual([count, count])
        if (request === remove) expect(await folder.tree()).toEqual(['small'])
        else await folder.expectSuccess(remove)
        isBetween = catAt < long.doneAt
        expect(attempt, 'a program answers before the long request').toBeLessThan(5)
      }
    },
  )

  it('other requests are answered during an endless read', async () => {
    const folder = await folderOfTest()
    await folder.sh('truncate -s 100G big')
    const { long } = await startLongRequest(folder, { op: 'read', path: 'big' })
    // The other requests were answered although the read still had credit.
    expect(long.received()).toBeLessThan(CREDIT)
    long.signal('SIGTERM')
    expect((await long.answer()).done.error?.code).toBe('ECANCELED')
  })

  it.skipIf(isSlow(place)).each([
    ['a long listing', list],
    ['a long delete', remove],
  ])('a signal stops %s', async (_, fileRequest) => {
    const folder = await crowd()
    const request = folder.agent.inOneWrite(() => {
      const request = folder.open(fileRequest, { grantsCredit: false })
      request.grant(CREDIT)
      request.signal('SIGTERM')
      return request
    })
    expect((await request.answer()).done.error?.code).toBe('ECANCELED')
    const left = await folder.tree()
    expect(left.length).toBeGreaterThan(fileRequest === list ? COUNT : 1)
    await folder.expectSuccess(remove)
  })

  it.skipIf(isSlow(place))(
    'a recursive list works while files are created and removed',
    async () => {
      const folder = await folderOfTest()
      await folder.sh('mkdir d d/a d/z; : > d/z/f')
      const names = 'seq -f n%g 300'
      const script = `while :; do ${names} | xargs touch; mkdir -p x/y; ${names} | xargs rm; rm -r x; done`
      const busy = folder.start(`echo ready; cd d; ${script}`)
      await busy.waitForText('ready\n')
      for (let round = 0; round < 8; round++) {
        // Many lists at once, so that files disappear between the name and its stat.
        const trees = await Promise.all(Array.from({ length: 20 }, () => folder.tree('d')))
        for (const tree of trees) expect(tree).toEqual(expect.arrayContaining(['a', 'z', 'z/f']))
      }
      busy.signal('SIGKILL')
      await busy.answer()
    },
  )
})

describe.each(inContainers)('a full disk of the $language agent, $where', (place) => {
  it('a write to a full disk fails with ENOSPC, and an atomic write keeps the old file', async () => {
    const folder = await ownFolderOfTest(place)
    await folder.sh('printf old > old; head -c 63M /dev/zero > /workspace/filling')
    const content = Buffer.alloc(2 * MIB, 'x')
    for (const request of [
      { op: 'write', path: 'old', atomic: true },
      { op: 'write', path: 'new' },
    ] as const) {
      const { done } = await folder.ask(request, content)
      expect(done.error?.code).toBe('ENOSPC')
      if (request.path === 'old') expect(await folder.tree()).toEqual(['old'])
    }
    expect(await folder.read('old')).toBe('old')
    await folder.expectSuccess({ op: 'delete', path: '/workspace/filling' })
    await folder.write('new', 'new')
    expect(await folder.read('new')).toBe('new')
  })
})

describe.each(underRunc)('resource limits of the $language agent under runc', (place) => {
  it.each([
    ['disk', 'head -c 100M /dev/zero > big'],
    ['pids', 'i=0; while [ $i -lt 200 ]; do sleep 300 & i=$((i+1)); done'],
    ['oom', 'tail /dev/zero'],
  ])('the agent reports %s as the cause of a failure', async (cause, script) => {
    const folder = await ownFolderOfTest(place)
    const { done } = await folder.agent.ask(sh(`echo ${cause}; exit 1`))
    expect(done).toMatchObject({ exitCode: 1 })
    expect(done.cause ?? null).toBeNull()
    const refused = await folder.agent.ask(sh(script))
    expect(refused.done.exitCode).not.toBe(0)
    expect(refused.done.cause).toBe(cause)
  })

  it('the agent reports no cause if the program exits with 0', async () => {
    const folder = await ownFolderOfTest(place)
    const { done } = await folder.agent.ask(sh('head -c 100M /dev/zero > big; exit 0'))
    expect(done.exitCode).toBe(0)
    expect(done.cause ?? null).toBeNull()
  })
})

describe.each(underGvisor)('resource limits of the $language agent under gVisor', (place) => {
  it('the agent reports pids as the cause if stderr names it and the limit is reached', async () => {
    const { agent } = await ownFolderOfTest(place)
    // Below the limit, the message does not prove the cause, because every EAGAIN has this message.
    const printed = await agent.ask(sh('echo Resource temporarily unavailable >&2; exit 1'))
    expect(printed.done.cause ?? null).toBeNull()
    const refused = await agent.ask(
      sh('i=0; while [ $i -lt 200 ]; do sleep 300 & i=$((i+1)); done'),
    )
    expect(refused.done).toMatchObject({ exitCode: 2, cause: 'pids' })
    expect((await agent.ask(sh('echo well'))).stdout.toString()).toBe('well\n')
  })
})

it('the memory guard of Python goes on if the process that it kills has just ended', () => {
  const code = `
import sys
from unittest.mock import Mock
sys.path.insert(0, 'src/agent')
from python import memory_guard
memory_guard.pids_of_user = lambda user: [2**22]  # no process has this pid
memory_guard.MemoryGuard(Mock(), Mock()).kill_largest()`
  const config = JSON.stringify({ workspace: tmpdir() })
  execFileSync('python3', ['-B', '-c', code, config], { stdio: 'pipe' })
})

describe.each(inProcess)('descriptors of the $language agent', (place) => {
  /** Sends each kind of request, and ends it in each way. */
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
    for (const fileRequest of stopped) {
      const request = folder.open(fileRequest, { grantsCredit: false })
      request.signal('SIGTERM')
      expect((await request.answer()).done.error?.code).toBe('ECANCELED')
    }
    await agent.ask(run('1'))
    await agent.ask(exec('no-such-program'))
    await agent.ask(sh('true', { cwd: '/no/folder' }))
    const orphan = Number((await agent.ask(sh('sleep 300 & echo $!'))).stdout)
    await agent.ask(exec('kill', `${orphan}`))
    const flood = agent.open(exec('yes'), { grantsCredit: false })
    await flood.waitForBytes(WINDOW_BYTES)
    flood.signal('SIGKILL')
    flood.grant(4 * MIB)
    await flood.answer()
  }

  /** Returns the least count of several runs, because the descriptors of the next spares count too. */
  async function leastOf(agent: Agent): Promise<number> {
    let least = Infinity
    for (let runs = 0; runs < 5; runs++) {
      await agent.ask(run('1'))
      least = Math.min(least, descriptorsOf(agent))
    }
    return least
  }

  it('the agent closes the descriptors of a request that ended in any way', async () => {
    const folder = await ownFolderOfTest(place)
    await folder.sh('mkfifo fifo; truncate -s 1M big')
    await round(folder)
    const before = await leastOf(folder.agent)
    for (let times = 0; times < 10; times++) await round(folder)
    await until(
      'the descriptors are closed',
      async () => (await leastOf(folder.agent)) < before + 10,
    )
  })
})
