import type { CodeHandle, Sandbox } from 'hono-sandbox'
import { SandboxError } from 'hono-sandbox'
import type { TestAnswer } from 'hono-sandbox/testing'
import { createTestPool, results } from 'hono-sandbox/testing'
import { expect, it } from 'vitest'
import { runtimes, useLease, usePool } from '../helpers/engine.js'

const EXIT = 'import sys; print(1); sys.exit(3)'
const FAIL = '1 / 0'
const DIE = 'import os, signal; os.kill(os.getpid(), signal.SIGKILL)'
const SLEEP = 'print("on", flush=True)\nimport time; time.sleep(60)'
const READ = 'print(input() * 2); 42'
const FLOOD = 'while True: print("y" * 999)'
const FUNCTION = 'def main(): return {"a": 1}'

/** The programs of the test, and what they do. */
const SCRIPTS: [code: string, answer: TestAnswer][] = [
  [EXIT, [results.stdout('1\n'), results.exit(3)]],
  [FAIL, results.error({ name: 'ZeroDivisionError', message: 'division by zero' })],
  [DIE, { signal: 'SIGKILL' }],
  [SLEEP, [results.stdout('on\n'), results.running()]],
  [READ, [results.stdout('abab\n'), results.text('42')]],
  [FLOOD, results.killed('output')],
  [FUNCTION, results.value({ a: 1 })],
]

/** Runs the programs in every way, and returns how each of them ended. */
async function endsIn(box: Sandbox): Promise<unknown[]> {
  const ends: unknown[] = []
  const add = async (run: Promise<object>) => ends.push(await run.then(endOf, codeOf))
  for (const code of [EXIT, FAIL, DIE, READ, FLOOD]) {
    await add(box.runCode(code, { stdin: 'ab\n', maxOutputBytes: 5000 }))
  }
  const context = await box.createCodeContext()
  for (const code of [EXIT, FAIL, DIE, EXIT, EXIT]) await add(box.runCode(code, { context }))
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    await add(stopped(box.runCode(SLEEP), (handle) => handle.kill(signal)))
  }
  await add(stopped(box.runCode(SLEEP, { context }), (handle) => handle.abort()))
  await add(stopped(box.runCode(SLEEP, { context }), () => box.interruptCodeContext(context)))
  for (const code of [FUNCTION, EXIT, FAIL]) await add(box.call(code))
  return ends
}

/** Stops a program when its output shows that it runs. */
async function stopped(handle: CodeHandle, stop: (handle: CodeHandle) => void | Promise<void>) {
  for await (const event of handle) {
    if (event.type === 'stdout' && event.data.startsWith('on')) await stop(handle)
  }
  return handle
}

function endOf(end: object): object {
  const plain = ['exitCode', 'signal', 'killedBy', 'context', 'text', 'truncated']
  const fields = new Set(plain.concat('ok', 'value', 'reason'))
  return Object.fromEntries(Object.entries(end).filter(([name]) => fields.has(name)))
}

function codeOf(error: unknown): unknown {
  if (error instanceof SandboxError) return error.code
  throw error
}

// How programs end depends on the runtime only if memory or processes run out.
const [runtime] = runtimes
const pool = usePool({ runtime, languages: { python: { size: 1 } } })
const lease = useLease(pool, 'python')

it('a test pool ends programs as a container does', async () => {
  const double = createTestPool()
  for (const [code, answer] of SCRIPTS) double.onCode(code, answer)
  expect(await endsIn(await double.acquire('python'))).toEqual(await endsIn(await lease()))
})
