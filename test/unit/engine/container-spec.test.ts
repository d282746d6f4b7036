import { describe, expect, it } from 'vitest'
import { createBody } from '../../../src/engine/docker/container-spec.js'
import { NARROW_PROFILE } from '../../../src/engine/docker/seccomp-profile.js'
import { specOf } from '../../helpers/launch-spec.js'

describe('createBody', () => {
  it('isolates the container', () => {
    const spec = specOf({ cpus: 0.1 })
    const body = createBody(spec, [])
    expect(body).toMatchObject({ NetworkDisabled: true, Tty: false, Env: [], StdinOnce: true })
    expect(body.Labels).toEqual({ 'hono-sandbox.owner': 'ours', 'hono-sandbox.pool': 'python' })
    expect(body.HostConfig).toMatchObject({
      Runtime: 'runc',
      AutoRemove: true,
      Init: false,
      ReadonlyRootfs: true,
      NetworkMode: 'none',
      CapDrop: ['ALL'],
      CapAdd: ['KILL', 'SETGID', 'SETUID'],
      Privileged: false,
      CgroupnsMode: 'private',
      MaskedPaths: expect.arrayContaining(['/proc/kcore', '/sys/firmware']),
      ReadonlyPaths: expect.arrayContaining(['/proc/sys']),
      SecurityOpt: ['no-new-privileges', `seccomp=${NARROW_PROFILE}`],
      Memory: spec.memoryBytes,
      MemorySwap: spec.memoryBytes,
      NanoCpus: 100_000_000,
      PidsLimit: 128,
      LogConfig: { Type: 'none' },
    })
    expect(body.HostConfig).not.toHaveProperty('Binds')
    expect(body.HostConfig.Tmpfs['/workspace']).toContain('nosuid,nodev')
    expect(body.HostConfig.Tmpfs['/tmp']).toContain('noexec,nosuid,nodev')
  })

  it('has the network, the reaper and the seccomp profile of the options', () => {
    const body = createBody(
      specOf({ network: 'bridge', reaper: 'engine', seccomp: { json: '{}' } }),
      [],
    )
    expect(body.NetworkDisabled).toBe(false)
    expect(body.HostConfig).toMatchObject({ Init: true, NetworkMode: 'bridge' })
    expect(body.HostConfig.SecurityOpt).toEqual(['no-new-privileges', 'seccomp={}'])
    const ofEngine = createBody(specOf({ seccomp: 'engine' }), [])
    expect(ofEngine.HostConfig.SecurityOpt).toEqual(['no-new-privileges'])
  })

  it('masks the volumes of the image, and keeps its own tmpfs', () => {
    const { HostConfig } = createBody(specOf(), ['/data/', '/workspace', '/workspace/cache'])
    const { '/data': data, ...others } = HostConfig.Tmpfs
    expect(data).toBe(HostConfig.Tmpfs['/tmp'])
    expect(Object.keys(others).sort()).toEqual(['/tmp', '/workspace', '/workspace/cache'])
    expect(HostConfig.Tmpfs['/workspace']).toContain('uid=65534')
  })

  it.each(['runsc', 'runsc-kvm'])(
    'allows the threads of gVisor in the pids limit of %s',
    (runtime) => {
      const { HostConfig } = createBody(specOf({ runtime, pids: 64 }), [])
      expect(HostConfig.PidsLimit).toBe(64 * 16 + 128)
      expect(HostConfig.Ulimits).toContainEqual({ Name: 'nproc', Soft: 64, Hard: 64 })
    },
  )

  it('sets no nproc limit under runc, because the host counts it for all containers', () => {
    const { HostConfig } = createBody(specOf({ runtime: 'runc' }), [])
    expect(HostConfig.Ulimits.map(({ Name }) => Name)).toEqual(['nofile', 'core'])
    expect(HostConfig.Tmpfs).not.toHaveProperty('/run/nscd')
  })

  it('sets the limits for each user if the container has a user of its own', () => {
    const { HostConfig } = createBody(specOf({ user: 200_000, pids: 64 }), [])
    expect(HostConfig.PidsLimit).toBe(64 + 32)
    expect(HostConfig.Ulimits).toEqual(
      expect.arrayContaining([
        { Name: 'nproc', Soft: 64, Hard: 64 },
        { Name: 'sigpending', Soft: 1024, Hard: 1024 },
        { Name: 'msgqueue', Soft: 819_200, Hard: 819_200 },
      ]),
    )
    expect(HostConfig.Tmpfs['/run/nscd']).toContain('mode=0755')
  })
})
