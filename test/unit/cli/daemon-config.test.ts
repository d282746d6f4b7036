import {
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hasRunsc, registerRunsc, withRunsc } from '../../../src/cli/daemon-config.js'
import { rewrite } from '../../../src/cli/rewrite.js'

const RUNSC = { path: '/runsc', runtimeArgs: ['--some'] }

describe('withRunsc', () => {
  it('adds gVisor and keeps all other settings', () => {
    const text = '{"debug":true,"runtimes":{"kata":{"path":"/kata"}}}'
    expect(JSON.parse(withRunsc(text, RUNSC) ?? '')).toEqual({
      debug: true,
      runtimes: {
        kata: { path: '/kata' },
        runsc: RUNSC,
      },
    })
  })

  it('starts from an empty or missing file', () => {
    expect(withRunsc('', RUNSC)).toContain('"path": "/runsc"')
  })

  it('does not change a runsc that is registered', () => {
    expect(withRunsc('{"runtimes":{"runsc":{"path":"/opt/runsc"}}}', RUNSC)).toBeUndefined()
  })

  it('keeps large numbers and the formatting', () => {
    const before =
      '{\n\t"big": 12345678901234567890,\n\t"hosts": ["a",  "b"],\n\t"runtimes": {}\n}\n'
    const after = withRunsc(before, RUNSC) ?? ''
    expect(after).toContain('\t"big": 12345678901234567890,\n\t"hosts": ["a",  "b"],\n')
    expect(after).toContain('\n\t\t"runsc": {\n\t\t\t"path": "/runsc",\n')
    expect(after.endsWith('\n}\n')).toBe(true)
    expect(withRunsc('{"runtimes":null}', RUNSC)).toContain('"path": "/runsc"')
  })

  it.each(['{', '[]', '"runsc"', '{"runtimes":[]}', '{} // why', '{"a": 1,}'])(
    'refuses %s',
    (text) => {
      expect(() => withRunsc(text, RUNSC)).toThrow()
    },
  )
})

describe('registerRunsc', () => {
  let folder = ''
  let config = ''
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hono-sandbox-config-'))
    config = join(folder, 'daemon.json')
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  it('creates a missing file with the mode 644', async () => {
    config = join(folder, 'docker/daemon.json')
    expect(await hasRunsc(config)).toBe(false)
    await registerRunsc(RUNSC, config)
    expect(await hasRunsc(config)).toBe(true)
    expect((await stat(config)).mode & 0o777).toBe(0o644)
  })

  it('keeps the mode, the owner and the link', async () => {
    const target = join(folder, 'real.json')
    await writeFile(target, '{}', { mode: 0o600 })
    const { uid, gid } = await stat(target)
    await symlink('real.json', config)
    await registerRunsc(RUNSC, config)
    expect((await lstat(config)).isSymbolicLink()).toBe(true)
    expect(await readFile(target, 'utf8')).toContain(RUNSC.path)
    expect(await stat(target)).toMatchObject({ uid, gid, mode: 0o100600 })
    expect((await readdir(folder)).sort()).toEqual(['daemon.json', 'real.json'])
  })

  it.runIf(process.getuid?.() === 0)('keeps an owner that is not root', async () => {
    await writeFile(config, '{}')
    await chown(config, 65534, 65534)
    await registerRunsc(RUNSC, config)
    expect(await stat(config)).toMatchObject({ uid: 65534, gid: 65534 })
  })

  it('does not change a file that is not JSON, and suggests a correction', async () => {
    const text = '{ "debug": true } // why\n'
    await writeFile(config, text)
    await expect(hasRunsc(config)).rejects.toThrow(
      /daemon\.json cannot be read: .*without comments/,
    )
    await expect(registerRunsc(RUNSC, config)).rejects.toMatchObject({
      code: 'SANDBOX_SETUP_FAILED',
    })
    expect(await readFile(config, 'utf8')).toBe(text)
  })

  it('refuses a link without a target', async () => {
    await symlink('nowhere.json', config)
    await expect(registerRunsc(RUNSC, config)).rejects.toThrow(
      /daemon\.json cannot be written: it is a link to nowhere\.json, which does not exist/,
    )
  })
})

describe('rewrite', () => {
  it('leaves no temporary file if it fails', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hono-sandbox-rewrite-'))
    try {
      const notAFile = join(folder, 'file')
      await mkdir(join(notAFile, 'full'), { recursive: true })
      await expect(rewrite(notAFile, 'text')).rejects.toThrow(/cannot be written: .*left as it is/)
      expect(await readdir(folder)).toEqual(['file'])
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})
