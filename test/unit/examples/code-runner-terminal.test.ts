import { afterEach, describe, expect, it, vi } from 'vitest'
import { showProgress } from '../../../examples/code-runner/operator/progress.js'
import { terminal } from '../../../examples/code-runner/operator/terminal.js'
import { poolOfTest } from '../fakes/test-pool.js'

afterEach(() => void vi.restoreAllMocks())

/** Starts a pool, and returns the lines of stdout and stderr. */
async function startWith(...args: string[]) {
  const lines = { stdout: new Array<string>(), stderr: new Array<string>() }
  vi.spyOn(console, 'log').mockImplementation((line) => void lines.stdout.push(line))
  vi.spyOn(console, 'error').mockImplementation((line) => void lines.stderr.push(line))
  const say = terminal(args)
  const pool = poolOfTest({ languages: { python: { size: 2 }, nodejs: { size: 1 } } })
  const stop = showProgress(pool, say)
  await pool.start()
  stop()
  say({ event: 'warning', message: 'odd' }, 'odd')
  say({ event: 'listening', url: 'http://x' }, 'code runner on http://x')
  await pool.close()
  return lines
}

describe('the start of the code runner', () => {
  it('prints one line for each language, without colours', async () => {
    const { stdout, stderr } = await startWith()
    expect(stdout.slice(0, 2).sort()).toEqual([
      expect.stringMatching(/^nodejs {6}1 ready after \d+\.\d s$/),
      expect.stringMatching(/^python {6}2 ready after \d+\.\d s$/),
    ])
    expect(stdout.slice(2)).toEqual(['code runner on http://x'])
    expect(stderr).toEqual(['warning: odd'])
  })

  it('prints JSON with --json', async () => {
    const { stdout, stderr } = await startWith('--json')
    const events = stdout.map((line): unknown => JSON.parse(line))
    const tookMs = expect.any(Number)
    expect(events).toContainEqual({ event: 'ready', language: 'python', ready: 2, tookMs })
    expect(events).toContainEqual({ event: 'ready', language: 'nodejs', ready: 1, tookMs })
    expect(events.at(-1)).toEqual({ event: 'listening', url: 'http://x' })
    expect(stderr).toEqual(['{"event":"warning","message":"odd"}'])
  })

  it('prints only warnings with --quiet', async () => {
    expect(await startWith('--quiet')).toEqual({ stdout: [], stderr: ['warning: odd'] })
  })

  it('refuses another argument', () => {
    expect(() => terminal(['--verbose'])).toThrow(/Unknown option '--verbose'/)
  })
})
