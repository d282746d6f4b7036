import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Language, SandboxPoolOptions } from 'hono-sandbox'
import { SandboxPool } from 'hono-sandbox'
import {
  docker,
  languages,
  leaseOfTest,
  poolOfTest,
  runtimes,
  startPool,
} from '../helpers/engine.js'
import { until } from '../helpers/until.js'

const MIB = 1024 * 1024
const newRepository = () => `hono-sandbox-test/${randomBytes(4).toString('hex')}`

afterEach(() => vi.unstubAllEnvs())

async function inspectOne(language: Language, options: SandboxPoolOptions) {
  const pool = await poolOfTest({ languages: { [language]: { size: 1 } }, ...options })
  const sandbox = await leaseOfTest(pool, language)
  return { sandbox, pool, inspected: await docker.getContainer(sandbox.name).inspect() }
}

describe.each(runtimes)('the options of a pool under %s', (runtime) => {
  it('options of the pool replace the defaults', async () => {
    const { inspected, sandbox } = await inspectOne('python', {
      runtime,
      memory: '192m',
      cpus: 0.5,
      pids: 64,
      openFiles: 256,
      workspaceSize: '8m',
      tmpSize: '4m',
      shmSize: '2m',
    })
    expect(inspected.HostConfig).toMatchObject({
      Memory: 192 * MIB,
      MemorySwap: 192 * MIB,
      NanoCpus: 5e8,
      PidsLimit: runtime === 'runsc' ? 64 * 16 + 128 : 64,
      ShmSize: 2 * MIB,
    })
    expect(inspected.HostConfig.Tmpfs?.['/workspace']).toContain(`size=${8 * MIB}`)
    expect(inspected.HostConfig.Tmpfs?.['/tmp']).toContain(`size=${4 * MIB}`)
    expect((await sandbox.exec('ulimit -n')).stdout).toBe('256\n')
  })

  it('the start reports the memory of a warm container, and warns if it is more than half', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    onTestFinished(() => warn.mockRestore())
    const start = async (memory: string) => {
      const pool = new SandboxPool({ runtime, languages: { python: { size: 1, memory } } })
      onTestFinished(() => pool.close({ deadlineMs: 0 }))
      return (await pool.start()).python?.memory ?? { usedBytes: 0, limitBytes: 0 }
    }
    const { usedBytes, limitBytes } = await start('256m')
    expect(limitBytes).toBe(256 * MIB)
    expect(usedBytes).toBeGreaterThan(5 * MIB)
    expect(usedBytes).toBeLessThan(64 * MIB)
    expect(warn).not.toHaveBeenCalled()
    // Not each container uses the same amount.
    await until('a start warns', async () => {
      await start(`${Math.round(usedBytes * 1.6)}b`)
      return warn.mock.calls.length > 0
    })
    expect(warn).toHaveBeenCalledWith(
      expect.stringContaining('a warm python sandbox holds'),
      expect.objectContaining({ type: 'SandboxWarning' }),
    )
  })

  it('environment variables replace missing options', async () => {
    const image = await tagOf('python')
    vi.stubEnv('SANDBOX_MAX_MEMORY', '128m')
    vi.stubEnv('SANDBOX_RUNTIME', runtime)
    vi.stubEnv('SANDBOX_POOL_SIZE', '1')
    vi.stubEnv('SANDBOX_BASE_PYTHON_IMAGE', image)
    const { inspected, pool } = await inspectOne('python', { languages: { python: {} } })
    expect(inspected.HostConfig).toMatchObject({ Memory: 128 * MIB, Runtime: runtime })
    expect(inspected.Config.Image).toBe(image)
    expect(pool.stats().python).toMatchObject({ size: 1, image, runtime })
  })

  it.each(languages)('/app/node_modules is linked into the workspace of %s', async (language) => {
    const image = await imageWithModules(language)
    const options = { runtime, languages: { [language]: { size: 1, image } } }
    const { sandbox } = await inspectOne(language, options)
    expect((await sandbox.exec('cat node_modules/greet/index.js')).stdout).toContain('hi')
    expect(await sandbox.listFiles()).toMatchObject([{ name: 'node_modules', type: 'symlink' }])
    if (language === 'python') return
    const required = await sandbox.runCode('console.log(require("greet"))')
    expect(required).toMatchObject({ stdout: 'hi\n', stderr: '' })
    const imported = await sandbox.runCode('import hi from "greet"\nconsole.log(hi)')
    expect(imported).toMatchObject({ stdout: 'hi\n', stderr: '' })
  })
})

describe.each(runtimes)('an image with volumes under %s', (runtime) => {
  it('has a small tmpfs in their place, and nothing on the disk of the host', async () => {
    const image = await imageOf('VOLUME ["/data/", "/workspace/cache"]\n')
    const options = { runtime, tmpSize: '4m', languages: { python: { size: 1, image } } }
    const { inspected, sandbox } = await inspectOne('python', options)
    expect(inspected.Mounts).toEqual([])
    for (const folder of ['/data', '/workspace/cache']) {
      const fill = `head -c 9m /dev/zero > ${folder}/full 2>&- || wc -c < ${folder}/full`
      expect((await sandbox.exec(fill)).stdout, folder).toBe(`${4 * MIB}\n`)
    }
  })
})

describe('the languages of a pool', () => {
  it('languages have containers with their own limits and runtimes, also with the same base', async () => {
    const [runtime = '', small = runtime] = runtimes
    const pool = await poolOfTest({
      runtime,
      pids: 48,
      workspaceSize: '8m',
      languages: {
        python: { size: 1, memory: '192m', cpus: 0.5 },
        'python-small': {
          base: 'python',
          size: 1,
          runtime: small,
          memory: '128m',
          cpus: 0.25,
          pids: 32,
          workspaceSize: '4m',
        },
      },
    })
    const code = `
import shutil
print(shutil.disk_usage('/workspace').total // 2**20)`
    for (const [language, limits] of [
      ['python', { runtime, memory: 192, cpus: 0.5, pids: 48, workspace: 8 }],
      ['python-small', { runtime: small, memory: 128, cpus: 0.25, pids: 32, workspace: 4 }],
    ] as const) {
      const sandbox = await leaseOfTest(pool, language)
      const isGvisor = limits.runtime === 'runsc'
      const inspected = await docker.getContainer(sandbox.name).inspect()
      expect(inspected.HostConfig, language).toMatchObject({
        Runtime: limits.runtime,
        Memory: limits.memory * MIB,
        NanoCpus: limits.cpus * 1e9,
        PidsLimit: isGvisor ? limits.pids * 16 + 128 : limits.pids,
      })
      expect(sandbox).toMatchObject({ language, runtime: limits.runtime })
      expect(pool.stats()[language]).toMatchObject({ runtime: limits.runtime })
      expect(await sandbox.runCode(code)).toMatchObject({ stdout: `${limits.workspace}\n` })
    }
  })

  it.each([
    ['python', 'def main(n): return n + 1'],
    ['typescript', 'function main(n: number): number { return n + 1 }'],
  ] as const)('an entry with the base %s behaves as its base', async (base, code) => {
    const name = `${base}-2`
    const pool = await poolOfTest({ languages: { [name]: { base, size: 1 } } })
    const sandbox = await leaseOfTest(pool, name)
    expect(sandbox.name).toMatch(new RegExp(`^sandbox_${name}_1\\.`))
    expect(await sandbox.call(code, { args: [1] })).toMatchObject({ ok: true, value: 2 })
    const context = await sandbox.createCodeContext()
    expect(context.language).toBe(name)
    await sandbox.runCode(code, { context })
    expect(await sandbox.runCode('main(41)', { context })).toMatchObject({ text: '42' })
  })
})

describe('a seccomp profile', () => {
  it('a seccomp profile of the operator replaces the profile of the sandboxes', async () => {
    const folder = folderOfTest()
    const file = path.join(folder, 'profile.json')
    const rule = { names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', args: [] }
    writeFileSync(file, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule] }))
    vi.stubEnv('SANDBOX_ENABLE_SECCOMP', 'true')
    vi.stubEnv('SANDBOX_SECCOMP_PROFILE', file)
    const { sandbox } = await inspectOne('python', { runtime: 'runc' })
    const refused = await sandbox.exec('mkdir /workspace/x')
    expect(refused.exitCode).toBe(1)
    expect(refused.stderr).toContain('Operation not permitted')
  })

  it.runIf(runtimes.includes('runsc'))(
    'a seccomp profile of the operator is refused under gVisor',
    async () => {
      const file = path.join(folderOfTest(), 'profile.json')
      writeFileSync(file, '{}')
      const pool = new SandboxPool({
        runtime: 'runsc',
        languages: { python: { seccompProfile: file } },
      })
      onTestFinished(() => pool.close({ deadlineMs: 0 }))
      await expect(pool.start()).rejects.toMatchObject({
        code: 'SANDBOX_INVALID_OPTION',
        message: expect.stringContaining('no effect under runsc'),
      })
    },
  )
})

/** Returns the default image of a pool. */
async function defaultImage(language: Language): Promise<string> {
  const pool = await startPool({ languages: { [language]: { size: 1 } } })
  const { image } = { image: '', ...pool.stats()[language] }
  await pool.close()
  return image
}

async function tagOf(language: Language): Promise<string> {
  const repo = newRepository()
  await docker.getImage(await defaultImage(language)).tag({ repo, tag: 'mine' })
  onTestFinished(() => docker.getImage(`${repo}:mine`).remove())
  return `${repo}:mine`
}

function folderOfTest(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'hono-sandbox-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

/** Builds an image from the default image of Python and these lines of a Dockerfile. */
async function imageOf(lines: string): Promise<string> {
  const folder = folderOfTest()
  const from = `FROM ${await defaultImage('python')}\n${lines}`
  writeFileSync(path.join(folder, 'Dockerfile'), from)
  return build(folder)
}

async function imageWithModules(language: Language): Promise<string> {
  const folder = folderOfTest()
  const greet = path.join(folder, 'node_modules/greet')
  mkdirSync(greet, { recursive: true })
  writeFileSync(path.join(greet, 'index.js'), 'module.exports = "hi"\n')
  const from = `FROM ${await defaultImage(language)}\nCOPY node_modules /app/node_modules\n`
  writeFileSync(path.join(folder, 'Dockerfile'), from)
  return build(folder)
}

/** Builds the image of a folder, and removes it after the test. */
async function build(folder: string): Promise<string> {
  // As a whole: if tar ends before dockerode reads its output, the output is lost.
  const tar = Readable.from([execFileSync('tar', ['-c', '-C', folder, '.'])])
  const image = `${newRepository()}:built`
  const report = await docker.buildImage(tar, { t: image, networkmode: 'none' })
  const lines: string[] = []
  for await (const line of createInterface({ input: report })) lines.push(line)
  expect(lines.join('\n')).toContain('Successfully tagged')
  onTestFinished(() =>
    // The engine refuses while it still removes the container of the test.
    until('the image is removed', () =>
      docker
        .getImage(image)
        .remove()
        .then(
          () => true,
          () => false,
        ),
    ),
  )
  return image
}
