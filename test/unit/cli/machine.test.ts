import { describe, expect, it } from 'vitest'
import { lastLines, run } from '../../../src/cli/command.js'
import { isDebianLike, refuseBesideAnother, withAdvice } from '../../../src/cli/debian.js'
import { BASE_IMAGES, EXTRA_IMAGES } from '../../../src/languages/setup-images.js'
import { hooksOf } from '../../../src/cli/rootfs.js'
import { SandboxError } from '../../../src/errors.js'

describe('hooksOf', () => {
  it('returns no hook for an image that has only packages', () => {
    expect(BASE_IMAGES.flatMap(hooksOf)).toEqual([])
  })

  it('removes files and runs commands only below the root of the image', () => {
    const [remove = '', finish = ''] = hooksOf(EXTRA_IMAGES.data)
    const [rm, option, ...patterns] = remove.split(' ')
    expect([rm, option]).toEqual(['rm', '-rf'])
    for (const pattern of patterns) expect(pattern).toMatch(/^"\$1"\/(usr|var)\//)
    expect(finish).toMatch(/^chroot "\$1" 'env' .* 'import matplotlib\.pyplot'$/)
  })
})

describe('isDebianLike', () => {
  it.each([
    ['ID=debian\n', true],
    ['NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n', true],
    ['ID=linuxmint\nID_LIKE="ubuntu debian"\n', true],
    ['ID="rhel"\nID_LIKE="fedora"\n', false],
    ['VARIANT_ID=debian\n', false],
    ['', false],
  ])('for %j returns %s', (text, expected) => {
    expect(isDebianLike(text)).toBe(expected)
  })
})

describe('refuseBesideAnother', () => {
  const unavailableBecause = (cause: unknown) =>
    new SandboxError('SANDBOX_ENGINE_UNAVAILABLE', 'no engine answers', { cause })

  it('throws only if an engine accepts a connection but does not answer', () => {
    const late = unavailableBecause(new DOMException('no answer', 'TimeoutError'))
    expect(() => refuseBesideAnother(late)).toThrow(
      /an engine accepts connections and does not answer.*Restart the engine/,
    )
    refuseBesideAnother(unavailableBecause(new Error('connect ENOENT')))
  })
})

describe('withAdvice', () => {
  it('adds advice about a full disk, and returns other errors unchanged', () => {
    const full = new SandboxError('SANDBOX_SETUP_FAILED', 'tar failed: No space left on device')
    expect(withAdvice(full)).toMatchObject({
      code: 'SANDBOX_SETUP_FAILED',
      message: expect.stringMatching(/No space left.*TMPDIR/),
    })
    const other = new Error('tar failed')
    expect(withAdvice(other)).toBe(other)
  })
})

describe('run', () => {
  const { signal } = new AbortController()

  it('rejects with the last lines of a command that fails', async () => {
    const failing = run('sh', ['-c', 'seq 100; echo no >&2; exit 3'], { signal })
    await expect(failing).rejects.toMatchObject({
      code: 'SANDBOX_SETUP_FAILED',
      message: expect.stringMatching(/^sh -c failed: ended with exit code 3\n82\n[^]*\nno$/),
    })
  })

  it('rejects with ENOENT if the command does not exist', async () => {
    await expect(run('no-such-program', [], { signal })).rejects.toThrow(/ENOENT/)
  })

  it('ends the whole process group if its signal aborts', async () => {
    const stop = new AbortController()
    const reason = new SandboxError('SANDBOX_SETUP_FAILED', 'stopped')
    // The grandchild keeps the pipe open, so `run` returns only after its end.
    const running = run('sh', ['-c', 'sleep 60 & wait'], { signal: stop.signal })
    stop.abort(reason)
    await expect(running).rejects.toBe(reason)
  })
})

describe('lastLines', () => {
  it('returns at most twenty lines', () => {
    expect(
      lastLines(`${Array.from({ length: 30 }, (_, at) => at).join('\n')}\n`).split('\n'),
    ).toEqual(Array.from({ length: 20 }, (_, at) => String(at + 10)))
  })
})
