import { describe, expect, it } from 'vitest'
import { judge } from '../../../src/doctor/report.js'
import { isBelow } from '../../../src/schemas/isolation.js'
import type { Changes } from '../../helpers/evidence.js'
import {
  evidenceOf,
  mountsWith,
  routesWith,
  statusWith,
  UNDER_OWN_KERNEL,
} from '../../helpers/evidence.js'
import { specOf } from '../../helpers/launch-spec.js'

const MIB = 1024 ** 2
const NONE = Number.POSITIVE_INFINITY
const NETWORK = { limits: specOf({ network: 'bridge' }) }
const DEFAULT_ROUTE = 'eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0'
const V6 = `${'0'.repeat(32)} 00 ${'0'.repeat(32)} 00 fe80${'0'.repeat(28)} 00000400 00000001 00000000 00000003     eth0`

const BEHIND_POLICY = { howToDenyTraffic: 'Apply a policy' }
const WITH_INTERFACE = '    lo: 0\n  eth0: 0\n'

/** The facts of a container in which one defence is missing: the line that must tell, and its grade. */
const WEAKENED: readonly (readonly [line: string, grade: string, changes: Changes])[] = [
  ['kernel', 'broken', { outside: { runtime: { name: 'other' } } }],
  ['user', 'broken', { look: { status: statusWith('Uid', '0\t0\t0\t0') } }],
  ['user', 'broken', { look: { status: statusWith('Groups', '0 65534') } }],
  ['user', 'broken', { asked: { userIds: { first: 200_000, count: 4 } } }],
  ['user', 'broken', { outside: { user: 200_000 } }],
  ['capabilities', 'broken', { look: { status: statusWith('CapEff', '0000000000002000') } }],
  ['capabilities', 'broken', { look: { status: statusWith('CapBnd', '00000000000020e0') } }],
  ['capabilities', 'broken', { look: { agentStatus: statusWith('CapEff', '00000000a80425fb') } }],
  ['capabilities', 'broken', { outside: { capabilities: ['KILL', 'NET_RAW'] } }],
  ['capabilities', 'broken', { outside: { isPrivileged: true } }],
  ['no-new-privileges', 'broken', { look: { status: statusWith('NoNewPrivs', '0') } }],
  ['no-new-privileges', 'broken', { outside: { hasNoNewPrivileges: false } }],
  ['seccomp', 'broken', { look: { status: statusWith('Seccomp', '0') } }],
  ['seccomp', 'broken', { outside: { hasSeccomp: false } }],
  ['seccomp', 'weak', { look: { userNamespace: true } }],
  ['namespaces', 'broken', { outside: { sharedNamespaces: ['pid'] } }],
  ['namespaces', 'broken', { outside: { devices: ['/dev/fuse'] } }],
  ['namespaces', 'note', { outside: { sharedNamespaces: ['cgroup'] } }],
  ['proc-and-sys', 'broken', { look: { unmasked: ['/proc/kcore'] } }],
  [
    'proc-and-sys',
    'broken',
    { look: { mounts: evidenceOf().inside.look.mounts.replace('/proc/sys ro', '/proc/sys rw') } },
  ],
  ['proc-and-sys', 'broken', { outside: { maskedPaths: [] } }],
  ['proc-and-sys', 'broken', { outside: { readOnlyPaths: [] } }],
  [
    'root',
    'broken',
    { look: { mounts: mountsWith('1 0 0:39 / / rw,relatime - overlay overlay rw') } },
  ],
  ['root', 'broken', { look: { writable: ['/'] } }],
  ['root', 'broken', { outside: { isRootReadOnly: false } }],
  ['writable-mounts', 'broken', { look: { sizes: {} } }],
  [
    'writable-mounts',
    'broken',
    { inside: { fills: { '/tmp': { how: 'unlimited', count: 33 * MIB } } } },
  ],
  [
    'writable-mounts',
    'broken',
    { inside: { fills: { '/tmp': { how: 'refused', count: 40 * MIB } } } },
  ],
  ['writable-mounts', 'weak', { inside: { fills: { '/tmp': { how: 'failed' } } } }],
  [
    'writable-mounts',
    'weak',
    { look: { writable: ['/data'], sizes: { ...evidenceOf().inside.look.sizes, '/data': 1e12 } } },
  ],
  [
    'host-files',
    'weak',
    { look: { mounts: mountsWith('11 1 254:0 /srv /srv ro - ext4 /dev/vda rw') } },
  ],
  [
    'host-files',
    'broken',
    { look: { mounts: mountsWith('11 1 254:0 /srv /srv rw - ext4 /dev/vda rw') } },
  ],
  [
    'host-files',
    'broken',
    { look: { mounts: mountsWith('11 1 0:22 /part /srv rw - tmpfs tmpfs rw') } },
  ],
  [
    'host-files',
    'broken',
    { outside: { mounts: [{ source: 'volume', target: '/data', isWritable: true }] } },
  ],
  [
    'host-files',
    'broken',
    { look: { mounts: mountsWith('11 1 0:54 / /host/proc rw - proc proc rw') } },
  ],
  [
    'writable-mounts',
    'weak',
    { look: { mounts: evidenceOf().inside.look.mounts.replace('/tmp rw,nosuid', '/tmp rw') } },
  ],
  ['engine-socket', 'broken', { look: { sockets: ['/run/engine.sock'] } }],
  ['setuid-files', 'note', { look: { setuid: ['/usr/bin/su'] } }],
  ['setuid-files', 'note', { look: { capable: ['/usr/bin/ping'] } }],
  ['setuid-files', 'note', { look: { walked: false } }],
  ['logs', 'weak', { outside: { keepsLogs: true } }],
  ['variables', 'broken', { outside: { variables: ['SECRET'] } }],
  ['memory', 'broken', { outside: { memoryBytes: NONE } }],
  ['memory', 'broken', { outside: { memoryBytes: 512 * MIB } }],
  ['memory', 'broken', { inside: { memory: { how: 'unlimited', count: 320 * MIB } } }],
  ['memory', 'weak', { inside: { memory: { how: 'killed', hasContainerEnded: true } } }],
  ['memory', 'weak', { inside: { memory: { how: 'failed' } } }],
  ['swap', 'weak', { outside: { swapBytes: 256 * MIB } }],
  ['swap', 'weak', { outside: { swapBytes: NONE } }],
  ['pids', 'broken', { outside: { pids: NONE } }],
  ['pids', 'broken', { inside: { pids: { how: 'unlimited', count: 160 } } }],
  ['pids', 'broken', { inside: { pids: { how: 'refused', count: 150 } } }],
  ['pids', 'weak', { inside: { pids: { how: 'killed', hasContainerEnded: true } } }],
  ['pids', 'note', { outside: { pids: undefined } }],
  ['pids', 'weak', { outside: { pids: undefined }, inside: { pids: { how: 'untried' } } }],
  ['cpu', 'broken', { outside: { cpus: NONE } }],
  ['cpu', 'broken', { inside: { busyCpus: 1.9 } }],
  ['open-files', 'broken', { look: { openFiles: { count: 1034, refused: false } } }],
  ['open-files', 'broken', { look: { openFiles: { count: 5000, refused: true } } }],
  ['open-files', 'broken', { outside: { openFiles: NONE } }],
  ['network', 'broken', { look: { devices: '    lo: 0\n  eth0: 0\n' } }],
  [
    'network',
    'weak',
    { asked: NETWORK, outside: { network: 'bridge' }, look: { devices: '    lo: 0\n  eth0: 0\n' } },
  ],
  ['network', 'unproven', { asked: BEHIND_POLICY, look: { devices: WITH_INTERFACE } }],
  [
    'network',
    'unproven',
    { asked: BEHIND_POLICY, look: { devices: WITH_INTERFACE }, inside: { traffic: 'unknown' } },
  ],
  [
    'network',
    'broken',
    { asked: BEHIND_POLICY, look: { devices: WITH_INTERFACE }, inside: { traffic: 'passes' } },
  ],
  ['network', 'broken', { look: { devices: WITH_INTERFACE }, inside: { traffic: 'denied' } }],
  ['network', 'broken', { outside: { network: 'host' } }],
  ['network', 'weak', { look: { devices: '' } }],
  ['metadata', 'broken', { look: { routes: routesWith(DEFAULT_ROUTE) } }],
  [
    'metadata',
    'broken',
    { look: { routes: routesWith('eth0\t0000FEA9\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0') } },
  ],
  ['metadata', 'broken', { look: { routes6: V6 } }],
]

function findingsOf(changes: Changes) {
  const { findings, isolation } = judge(evidenceOf(changes))
  const problems = findings.filter(({ grade, name }) => grade !== 'ok' && name !== 'kernel')
  return { findings, isolation, problems }
}

/** The lines of which another line is a part: a route to an address is a route. */
const ALSO: Readonly<Record<string, readonly string[]>> = { metadata: ['network'] }

describe('judge()', () => {
  it('finds no problem in a container with all defences, except the shared kernel', () => {
    const { findings, isolation, problems } = findingsOf({})
    expect(problems).toEqual([])
    expect(findings[0]).toMatchObject({ name: 'kernel', grade: 'note', advice: 'Install one' })
    expect(isolation).toBe('container')
  })

  it.each(WEAKENED)('%s is %s: %j', (line, grade, changes) => {
    const { findings, isolation, problems } = findingsOf(changes)
    const found = findings.find(({ name }) => name === line)
    expect(found?.grade).toBe(grade)
    expect(found?.advice).toMatch(/^[A-Z].+/)
    const others = problems.map(({ name }) => name).filter((name) => name !== line)
    expect(others).toEqual(ALSO[line] ?? [])
    expect(isolation).toBe({ broken: 'none', weak: 'weak', unproven: 'weak' }[grade] ?? 'container')
  })

  it('accepts an interface if nothing arrives at another container', () => {
    const { findings, problems } = findingsOf({
      asked: BEHIND_POLICY,
      look: { devices: WITH_INTERFACE },
      inside: { traffic: 'denied' },
    })
    expect(problems).toEqual([])
    expect(findings.find(({ name }) => name === 'network')?.found).toContain('nothing arrives')
  })

  it('has a test in which it fails for each line', () => {
    const lines = judge(evidenceOf()).findings.map(({ name }) => name)
    expect([...new Set(WEAKENED.map(([line]) => line))].sort()).toEqual(lines.sort())
  })

  it('accepts a user of userIds, with its socket, and room for the agent beside its processes', () => {
    const status = evidenceOf().inside.look.status.replaceAll('65534', '200003')
    const { findings, problems } = findingsOf({
      asked: { userIds: { first: 200_000, count: 4 } },
      look: { status, sockets: ['/run/nscd/socket'] },
      outside: { pids: 160 },
    })
    expect(problems).toEqual([])
    const user = findings.find(({ name }) => name === 'user')
    expect(user?.found).toBe('uid, gid and groups 200003')
    const others = findingsOf({ look: { status, sockets: ['/run/nscd/socket'] } }).problems
    expect(others.map(({ name }) => name)).toEqual(['user', 'engine-socket'])
  })

  it('grades setuid files as broken without no-new-privileges', () => {
    const { problems } = findingsOf({
      look: { setuid: ['/usr/bin/su'] },
      outside: { hasNoNewPrivileges: false },
    })
    expect(problems.map(({ name, grade }) => [name, grade])).toEqual([
      ['no-new-privileges', 'broken'],
      ['setuid-files', 'broken'],
    ])
  })

  it('does not pass a container without /proc/self/status', () => {
    const { problems } = findingsOf({ look: { status: '' } })
    expect(problems.map(({ name, grade }) => [name, grade])).toEqual([
      ['user', 'broken'],
      ['capabilities', 'weak'],
      ['seccomp', 'broken'],
    ])
  })

  it('does not pass a limit that was neither tried nor told', () => {
    const untried = { how: 'untried' } as const
    const { inside, ...others } = evidenceOf({ inside: { memory: untried, pids: untried } })
    const gradesOf = (outside: typeof others.outside) =>
      judge({ ...others, inside, outside })
        .findings.filter(({ name }) => name === 'memory' || name === 'pids')
        .map(({ grade }) => grade)
    expect(gradesOf(others.outside)).toEqual(['ok', 'ok'])
    expect(gradesOf(undefined)).toEqual(['weak', 'weak'])
  })

  it('does not pass a fact that only the engine knows if the engine does not tell', () => {
    const { findings, isolation } = judge({ ...evidenceOf(), outside: undefined })
    const weak = findings.filter(({ grade }) => grade !== 'ok').map(({ name }) => name)
    expect(weak).toEqual(['kernel', 'namespaces', 'variables', 'logs', 'swap', 'cpu'])
    expect(isolation).toBe('weak')
  })
})

describe('judge() under a kernel of its own', () => {
  const OF_GOFER = mountsWith('11 1 0:54 / /workspace rw - 9p none rw')
  const { asked, look, runtime } = UNDER_OWN_KERNEL
  const gradesOf = (changes: Changes) => {
    const { findings, isolation } = judge(
      evidenceOf({
        ...changes,
        asked,
        look: { ...look, ...changes.look },
        outside: { runtime, ...changes.outside },
      }),
    )
    const problems = findings.filter(({ grade }) => grade !== 'ok')
    return { isolation, ...Object.fromEntries(problems.map(({ name, grade }) => [name, grade])) }
  }

  it('reaches the highest level', () => {
    expect(gradesOf({})).toEqual({ isolation: 'kernel' })
  })

  it.each<[Changes, object]>([
    [{ look: { version: 'Linux version 6.1.0' } }, { isolation: 'none', kernel: 'broken' }],
    [{ outside: { runtime: { ...runtime, version: '0.0~20221219.0' } } }, { kernel: 'note' }],
    [{ outside: { runtime: { ...runtime, version: undefined } } }, { kernel: 'note' }],
    [{ outside: { hasSeccomp: false } }, { seccomp: 'note' }],
    [{ outside: { maskedPaths: [] } }, { 'proc-and-sys': 'note' }],
    // gVisor shows a folder in memory that another program has made as a mount of the host.
    [{ look: { mounts: OF_GOFER } }, {}],
    [
      {
        look: { mounts: OF_GOFER },
        outside: { mounts: [{ source: 'disk', target: '/workspace', isWritable: true }] },
      },
      { isolation: 'none', 'host-files': 'broken' },
    ],
    // The tasks of the runtime count in the limit of the engine, which is therefore larger.
    [{ outside: { pids: 2176 } }, {}],
    [{ outside: { pids: NONE } }, { isolation: 'none', pids: 'broken' }],
    [{ inside: { memory: { how: 'killed', hasContainerEnded: true } } }, { memory: 'note' }],
    [
      { inside: { pids: { how: 'killed', hasContainerEnded: true } } },
      { isolation: 'weak', pids: 'weak' },
    ],
  ])('%j', (changes, grades) => {
    expect(gradesOf(changes)).toEqual({ isolation: 'kernel', ...grades })
  })
})

it('isBelow() compares levels', () => {
  expect(isBelow('weak', 'container')).toBe(true)
  expect(isBelow('container', 'container')).toBe(false)
  expect(isBelow('kernel', 'none')).toBe(false)
})
