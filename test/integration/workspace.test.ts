import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Sandbox, SandboxPoolOptions } from 'hono-sandbox'
import { describe, expect, it, onTestFinished } from 'vitest'
import { archive, entry } from '../helpers/tar.js'
import { leaseOfTest, places, poolOfTest, runtimes, useLease, usePool } from '../helpers/engine.js'

/** Makes a tree with all that an archive keeps, and with some that it leaves out. */
const TREE = String.raw`
  long=$(printf 'l%.0s' $(seq 200)); raw=$(printf 'raw\377é'); mkdir -p a/b/empty ro "ü/$long"
  echo hi > a/b/f; chmod 755 a/b/f; chmod 1777 a; ln -s ../b/f a/b/l; ln -s /workspace/ro abs
  ln -s gone dangling; ln a/b/f a/b/hard; printf x > "$(printf 'new\nline')"; printf y > "ü/$long/$long"
  printf z > "$raw"; ln -s "$raw" to-raw; : > zero; head -c 300000 /dev/urandom > big
  ln -s /etc/passwd out; ln -s a/../.. out-2; mkfifo fifo
  echo r > ro/r; chmod 444 ro/r; touch -d 2001-02-03 ro/r; chmod 555 ro; touch -d 1999-01-01 ro`
const DESCRIBE = String.raw`
  find . -mindepth 1 ! -name 'fifo' ! -name 'out*' ! -path ./node_modules \( -type l -printf '%P %l\n' \
    -o -type d -printf '%P %m %Ts\n' -o -printf '%P %m %s %Ts\n' \) | sort
  find . -type f -print0 | sort -z | xargs -0 sha256sum`

describe.each(places)('the workspace of $language under $runtime', ({ runtime, language }) => {
  const pool = usePool({ runtime, languages: { [language]: { size: 2, max: 3 } } })
  const lease = useLease(pool, language)

  it('is the same after an export and an import', async () => {
    const one = await lease()
    await sh(one, TREE)
    const other = await leaseOfTest(pool(), language)
    const written = await other.importWorkspace(await one.exportWorkspace())
    expect(written).toEqual({ files: 8, folders: 6, links: 4, bytes: expect.any(Number) })
    expect(await sh(other, DESCRIBE)).toBe(await sh(one, DESCRIBE))
    expect(await sh(other, 'find . -name fifo -o -name "out*"')).toBe('')
  })

  it('takes no entry through a link of a program', async () => {
    const box = await lease()
    await sh(box, 'mkdir -p /tmp/t; ln -s /tmp/t dir; ln -s /tmp/t/f file; echo old > /tmp/t/f')
    const bytes = archive(entry({ name: 'file' }, 'new'), entry({ name: 'dir/f' }, 'evil'))
    const refused = { code: 'SANDBOX_ARCHIVE_REFUSED', message: expect.stringContaining('dir/f') }
    await expect(box.importWorkspace(bytes)).rejects.toMatchObject(refused)
    expect(await sh(box, 'cat /tmp/t/f; cat file; echo /tmp/t/*')).toBe('old\nnew/tmp/t/f\n')
    await box.importWorkspace(archive(entry({ name: 'dir/', type: '5' }), entry({ name: 'dir/f' })))
    expect(await sh(box, 'echo dir/*; test ! -L dir; cat /tmp/t/f')).toBe('dir/f\nold\n')
  })

  it('is never left by a program that exchanges folders and links meanwhile', async () => {
    const box = await lease()
    await sh(box, 'mkdir -p d /tmp/t')
    const swap = 'while :; do rm -rf d; ln -s /tmp/t d; rm -f d; mkdir d; done'
    const swapping = box.exec(swap, { timeoutMs: 20_000 })
    const bytes = archive(
      ...Array.from({ length: 60 }, (_, at) => entry({ name: `d/${at}` }, Buffer.alloc(at * 600))),
    )
    for (let round = 0; round < 3; round++) {
      await box.importWorkspace(bytes).catch(onlyRefused)
      for await (const _ of await box.exportWorkspace()) continue
    }
    swapping.kill()
    await swapping
    expect(await sh(box, 'find /tmp/t -mindepth 1')).toBe('')
  })
})

describe.each(runtimes.slice(0, 1))('a session under %s', (runtime) => {
  it('survives its container, its server and a deploy', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'workspaces-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const fileOf = (id: string) => path.join(folder, encodeURIComponent(id))
    const options: SandboxPoolOptions = {
      runtime,
      memory: '512m',
      workspaceSize: '160m',
      languages: { python: { size: 1, max: 2 } },
      onSessionStart: async ({ id }, box) => {
        const saved = createReadStream(fileOf(id))
        await box.importWorkspace(saved).catch((error: unknown) => {
          if (!isMissing(error)) throw error
        })
      },
      onSessionEnd: async ({ id }, box) => {
        if (!box) return
        const stream = Readable.fromWeb(await box.exportWorkspace())
        await pipeline(stream, createWriteStream(fileOf(id)))
      },
    }
    const before = await poolOfTest(options)
    const first = await before.session('python', 'ada')
    await sh(first, `head -c 100000000 /dev/urandom > data; ${TREE}`)
    const tree = await sh(first, DESCRIBE)
    first.release()
    await before.close({ deadlineMs: 60_000 })
    const after = await poolOfTest({ ...options, onSessionEnd: undefined })
    const next = await after.session('python', 'ada', { timeoutMs: 60_000 })
    expect(next.session?.isNew).toBe(true)
    expect(hash(await sh(next, DESCRIBE))).toBe(hash(tree))
    next.release()
  })
})

async function sh(box: Sandbox, script: string): Promise<string> {
  const { exitCode, stdout, stderr } = await box.exec(script)
  if (exitCode !== 0) throw new Error(`exit code ${exitCode}: ${stderr}`)
  return stdout
}

const hash = (text: string) => createHash('sha256').update(text).digest('hex')

function onlyRefused(error: unknown): void {
  expect(error).toMatchObject({ code: 'SANDBOX_ARCHIVE_REFUSED' })
}

/** Whether the file of a session does not exist yet. */
function isMissing(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
}
