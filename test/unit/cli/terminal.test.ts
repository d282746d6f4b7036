import { PassThrough } from 'node:stream'
import { WriteStream } from 'node:tty'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import type { Say } from '../../../src/cli/terminal.js'
import { complain, FORMATS } from '../../../src/cli/terminal.js'

/** A stream that keeps the text. It is a terminal of 40 columns if `isTTY` is true. */
function outputOf({ isTTY }: { isTTY: boolean }) {
  // Other variables of the machine, such as `CI`, would change the colours.
  const getColorDepth = () => {
    const { NO_COLOR } = process.env
    return WriteStream.prototype.getColorDepth({ TERM: 'xterm-256color', NO_COLOR })
  }
  const terminal = { isTTY, columns: 40, getColorDepth }
  const output = Object.assign(new PassThrough({ encoding: 'utf8' }), terminal)
  return { output, text: () => String(output.read() ?? '') }
}

const PULL = { language: 'python', image: 'python:3.13-slim' }

function pull(say: Say): void {
  say('set-up   will do this:', { event: 'plan' })
  say('python   pulling python:3.13-slim...', { event: 'pulling', ...PULL })
  say('python   1 of 5 layers, 20 of 40 MB downloaded', { event: 'progress', ...PULL })
  say('python   python:3.13-slim is pulled', { event: 'pulled', ...PULL })
  say('engine   starting dockerd, its log is /var/log/dockerd.log')
}

/** Replays what a terminal shows, if each line moves up and clears as its control codes say. */
function shownBy(text: string): string[] {
  const lines: string[] = []
  for (const line of text.split('\n').slice(0, -1)) {
    if (line.startsWith('\u001B[1A\u001B[2K')) lines.pop()
    lines.push(stripVTControlCharacters(line))
  }
  return lines
}

describe('the output of set-up', () => {
  it('is plain text without a terminal', () => {
    const { output, text } = outputOf({ isTTY: false })
    pull(FORMATS.text(output))
    expect(text()).toBe(
      'set-up   will do this:\n' +
        'python   pulling python:3.13-slim...\n' +
        'python   1 of 5 layers, 20 of 40 MB downloaded\n' +
        'python   python:3.13-slim is pulled\n' +
        'engine   starting dockerd, its log is /var/log/dockerd.log\n',
    )
  })

  it('has one line for each image on a terminal', () => {
    const { output, text } = outputOf({ isTTY: true })
    pull(FORMATS.text(output))
    const written = text()
    expect(shownBy(written)).toEqual([
      'set-up   will do this:',
      'python   python:3.13-slim is pulled',
      'engine   starting dockerd, its log is /var/log/dockerd.log',
    ])
    const progress = written.split('\n').find((line) => line.includes('layers')) ?? ''
    expect(shownBy(`${progress}\n`)[0]?.length).toBeLessThanOrEqual(40)
  })

  it('has colours on a terminal alone, and not with NO_COLOR', () => {
    const terminal = outputOf({ isTTY: true })
    vi.stubEnv('NO_COLOR', undefined)
    vi.stubEnv('FORCE_COLOR', undefined)
    FORMATS.text(terminal.output)('engine   starts')
    expect(terminal.text()).toBe('\u001B[36mengine\u001B[39m   starts\n')
    vi.stubEnv('NO_COLOR', '1')
    FORMATS.text(terminal.output)('engine   starts')
    expect(terminal.text()).toBe('engine   starts\n')
    vi.unstubAllEnvs()
  })

  it('is one JSON object in each line with --json', () => {
    const { output, text } = outputOf({ isTTY: true })
    pull(FORMATS.json(output))
    const lines: unknown[] = text()
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line))
    expect(lines).toEqual([
      { event: 'plan', message: 'set-up will do this:' },
      { event: 'pulling', ...PULL, message: 'python pulling python:3.13-slim...' },
      { event: 'progress', ...PULL, message: 'python 1 of 5 layers, 20 of 40 MB downloaded' },
      { event: 'pulled', ...PULL, message: 'python python:3.13-slim is pulled' },
      { event: 'step', message: 'engine starting dockerd, its log is /var/log/dockerd.log' },
    ])
  })

  it('has only the error with --quiet', () => {
    const { output, text } = outputOf({ isTTY: false })
    pull(FORMATS.quiet())
    complain('no engine', 'quiet', output)
    expect(text()).toBe('error: no engine\n')
    complain('no engine', 'json', output)
    expect(text()).toBe('{"event":"error","message":"no engine"}\n')
  })
})
