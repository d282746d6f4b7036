import { beforeAll, describe, expect, it } from 'vitest'
import type { Sandbox } from 'hono-sandbox'
import { layTests } from '../helpers/cpython-tests.js'
import { runtimes, usePool } from '../helpers/engine.js'

/** Modules of CPython's tests that depend on the interpreter's state, and take at most a second. */
const MODULES = [
  'test_generators',
  'test_linecache',
  'test_atexit',
  'test_contextlib',
  'test_coroutines',
  'test_dataclasses',
  'test_exception_group',
  'test_finalization',
  'test_functools',
  'test_inspect',
  'test_traceback',
  'test_types',
]
/** Under gVisor the first of them run, because they start no further interpreter. */
const MODULES_UNDER_GVISOR = 2

/** Runs the tests of a module and prints the counts. Prints the names of tests that did not pass. */
const PROGRAM = `
import glob
import io
import json
import sys
import unittest

import test

test.__path__ += glob.glob('/workspace/tests/usr/lib/python3*/test')
tests = unittest.defaultTestLoader.loadTestsFromName('test.' + sys.argv[1])
result = unittest.TextTestRunner(stream=io.StringIO()).run(tests)
print(json.dumps({
    'run': result.testsRun,
    'failures': sorted(test.id() for test, _ in result.failures),
    'errors': sorted(test.id() for test, _ in result.errors),
    'skipped': len(result.skipped),
}))
`

/** Returns the counts in the last line: some tests print. */
function countsIn(stdout: string): unknown {
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
}

describe.each(runtimes)("CPython's own tests under %s", (runtime) => {
  const limits = { memory: '512m', workspaceSize: '128m', pids: 512 }
  const pool = usePool({ runtime, ...limits, languages: { python: { size: 1, max: 1 } } })
  let sandbox: Sandbox
  let reason: string | undefined
  beforeAll(async () => {
    sandbox = await pool().acquire('python', { timeoutMs: 60_000 })
    reason = await layTests(sandbox)
    if (reason !== undefined) console.warn(`The tests are skipped: ${reason}`)
    await sandbox.mkdir('plain')
    await sandbox.writeFile('plain/main.py', PROGRAM)
  })

  const modules = runtime === 'runsc' ? MODULES.slice(0, MODULES_UNDER_GVISOR) : MODULES
  it.for(modules)('%s has the results of the plain interpreter', async (module, { skip }) => {
    skip(reason !== undefined, reason)
    const plain = await sandbox.exec(['python3', 'plain/main.py', module])
    const ours = await sandbox.runCode(PROGRAM, { args: [module] })
    expect(ours.exitCode).toBe(0)
    const counts = countsIn(plain.stdout)
    expect(counts).not.toMatchObject({ run: 0 })
    expect(countsIn(ours.stdout)).toEqual(counts)
  })
})
