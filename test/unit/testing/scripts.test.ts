import { text } from 'node:stream/consumers'
import { Hono } from 'hono'
import { closeSandboxes, defineLanguage, initSandboxes } from 'hono-sandbox'
import { sandbox } from 'hono-sandbox/middleware'
import { results } from 'hono-sandbox/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { nextTurn, unhandledRejectionsIn } from '../fakes/fake-agent.js'
import { poolOfTest } from '../fakes/test-pool.js'

/** An app with one route, which runs the body of the request. */
function appWith(pool = poolOfTest()) {
  return new Hono().post('/run', sandbox({ pool }), async (c) => {
    const result = await c.get('sandbox').runCode(await c.req.text())
    return c.json(result)
  })
}

const post = (body: string) => ({ method: 'POST', body })

describe('a script', () => {
  it('answers its exact code, and the last one that matches wins', async () => {
    const pool = poolOfTest()
    pool.onCode(/print/g, results.stdout('any\n')).onCode('print(1)', results.stdout('1\n'))
    const app = appWith(pool)
    for (const [code, stdout] of [
      ['print(1)', '1\n'],
      ['print(12)', 'any\n'],
      ['print(12)', 'any\n'],
    ]) {
      expect(await (await app.request('/run', post(code ?? ''))).json()).toMatchObject({ stdout })
    }
    expect(pool.runs.map(({ code }) => code)).toEqual(['print(1)', 'print(12)', 'print(12)'])
  })

  it('can be a function, which leaves a run to the scripts before it', async () => {
    const pool = poolOfTest({ env: { A: '1' } })
    pool.onCode('x', results.text('before'))
    pool.onCode((code, { language, args, env, cwd, context }) =>
      code === 'x'
        ? undefined
        : results.stdout(`${language} ${args.join()} ${env.A}${env.B} ${cwd} ${context}`),
    )
    const box = await pool.acquire('nodejs', { env: { B: '2' } })
    expect((await box.runCode('x')).text).toBe('before')
    const { stdout } = await box.runCode('y', { args: ['-v'], cwd: '/tmp' })
    expect(stdout).toBe('nodejs -v 12 /tmp undefined')
  })

  it('gets stdin while it arrives', async () => {
    const pool = poolOfTest()
    pool.onCode(async function* (_, { stdin }) {
      for await (const chunk of stdin) yield results.stdout(`${chunk}!`)
    })
    const box = await pool.acquire('python')
    expect((await box.runCode('', { stdin: 'all' })).stdout).toBe('all!')
    const handle = box.runCode('')
    const writer = handle.stdin.getWriter()
    await writer.write('a')
    await nextTurn()
    await writer.write('b')
    await writer.close()
    expect((await handle).stdout).toBe('a!b!')
    const long = await box.runCode('', { stdin: 'x'.repeat(600_000) })
    expect(long.stdout.replaceAll('!', '')).toHaveLength(600_000)
  })

  it('decides when each part of the output comes', async () => {
    const pool = poolOfTest()
    let open = () => {}
    const gate = new Promise<void>((resolve) => (open = resolve))
    pool.onCode('slow', async function* () {
      yield results.stdout('one\n')
      await gate
      yield results.stdout('two\n')
      yield results.exit(3)
      yield results.stdout('never')
    })
    const box = await pool.acquire('python')
    const seen: string[] = []
    for await (const event of box.runCode('slow')) {
      if (event.type === 'stdout') seen.push(event.data)
      if (event.type === 'exit') seen.push(`exit ${event.exitCode}`)
      open()
    }
    expect(seen).toEqual(['one\n', 'two\n', 'exit 3'])
  })

  it('answers commands: a string, or the words of an array', async () => {
    const pool = poolOfTest()
    pool.onExec('ls -l', results.stdout('total 0\n'))
    pool.onExec(/^git/, (command) => results.stdout(JSON.stringify(command)))
    const box = await pool.acquire('python')
    expect((await box.exec('ls -l')).stdout).toBe('total 0\n')
    expect((await box.exec(['ls', '-l'])).stdout).toBe('total 0\n')
    expect((await box.exec(['git', 'log'])).stdout).toBe('["git","log"]')
    expect(pool.runs.map(({ command, code }) => [command, code])).toEqual([
      ['ls -l', undefined],
      [['ls', '-l'], undefined],
      [['git', 'log'], undefined],
    ])
  })

  it('answers call() with a value', async () => {
    const pool = poolOfTest()
    pool.onCode(/def main/, (_, { call }) => results.value([call?.entry, call?.args]))
    const box = await pool.acquire('python')
    const code = 'def main(n): return n'
    expect(await box.call(code, { args: [7] })).toMatchObject({ ok: true, value: ['main', [7]] })
    pool.onCode(code, results.exit(0))
    expect(await box.call(code)).toMatchObject({ ok: false, reason: 'exited' })
    pool.onCode(code, results.error({ name: 'ValueError', message: 'no' }))
    expect(await box.call(code)).toMatchObject({ ok: false, reason: 'threw' })
  })

  it('answers the code of a defined language, too', async () => {
    const definition = { image: 'gcc', agent: 'python', file: 'main.c', run: ['./main'] } as const
    const c = defineLanguage({ ...definition, name: 'c', compile: ['cc', 'main.c'] })
    const pool = poolOfTest({ languages: { c } })
    pool.onCode('int main() {}', (_, { args }) => results.stdout(args.join()))
    const box = await pool.acquire('c')
    expect((await box.runCode('int main() {}', { args: ['a', 'b'] })).stdout).toBe('a,b')
    pool.onExec('./other', results.exit(4))
    expect((await box.exec('./other')).exitCode).toBe(4)
  })

  it('sees the files that the app has written', async () => {
    const pool = poolOfTest()
    pool.onCode('sum', (_, { files }) => results.stdout(files.get('in/data.csv') ?? ''))
    const box = await pool.acquire('python')
    await box.mkdir('in')
    await box.writeFile('in/data.csv', '1,2')
    expect((await box.runCode('sum')).stdout).toBe('1,2')
    expect([...(pool.runs[0]?.files.keys() ?? [])]).toEqual(['in/data.csv'])
  })

  it('knows the session', async () => {
    const pool = poolOfTest()
    pool.onCode('', results.exit(0))
    const box = await pool.session('python', 'visitor-1')
    await box.runCode('')
    await (await pool.acquire('python')).runCode('')
    expect(pool.runs.map(({ session }) => session)).toEqual(['visitor-1', undefined])
  })

  it('answers the pool of the process, if it has the engine', async () => {
    const pool = poolOfTest()
    pool.onCode('print(1)', results.stdout('1\n'))
    const report = await initSandboxes({ engine: pool.engine, languages: { python: { size: 1 } } })
    onTestFinished(() => closeSandboxes({ deadlineMs: 0 }))
    expect(report.python).toMatchObject({ ready: 1, errors: [] })
    const app = new Hono().get('/', sandbox(), async (c) =>
      c.text((await c.get('sandbox').runCode('print(1)')).stdout),
    )
    expect(await (await app.request('/')).text()).toBe('1\n')
    expect(pool.runs).toHaveLength(1)
  })
})

describe('code without a script', () => {
  const message = (kind: string, method: string, name: string) =>
    `no script answers this ${kind}: "${name}". ` +
    `Add one to the test: pool.${method}("${name}", results.stdout('...'))`

  it('makes every call throw an error that names the script to add', async () => {
    const box = await poolOfTest().acquire('python')
    const ofCode = message('python code', 'onCode', 'print(1)')
    await expect(box.runCode('print(1)')).rejects.toThrow(ofCode)
    await expect(box.call('print(1)')).rejects.toThrow(ofCode)
    const context = await box.createCodeContext()
    await expect(box.runCode('print(1)', { context })).rejects.toThrow(ofCode)
    const ofCommand = message('command', 'onExec', 'ls -l')
    await expect(box.exec('ls -l')).rejects.toThrow(ofCommand)
    await expect(box.startProcess(['ls', '-l'])).rejects.toThrow(ofCommand)
    await expect(box.runCode('print(1)')).rejects.toThrow(ofCode)
  })

  it('also fails behind the limit of programs that run at once', async () => {
    const pool = poolOfTest({ maxPrograms: 1 }).onCode('a', results.stdout('a'))
    const box = await pool.acquire('python')
    const first = box.runCode('a')
    await expect(box.runCode('b')).rejects.toThrow('"b"')
    expect((await first).stdout).toBe('a')
  })

  it('is an error of the handler', async () => {
    const errors: string[] = []
    const app = appWith().onError((error, c) => {
      errors.push(error.message)
      return c.text('', 500)
    })
    expect((await app.request('/run', post('print(1)'))).status).toBe(500)
    expect(errors).toEqual([message('python code', 'onCode', 'print(1)')])
  })
})

describe('an error in a script', () => {
  it('is thrown by the call if the function throws at once', async () => {
    const pool = poolOfTest().onCode(() => {
      throw new TypeError('a bug in the test')
    })
    const box = await pool.acquire('python')
    await expect(box.runCode('x')).rejects.toThrow(new TypeError('a bug in the test'))
  })

  it('is an unhandled rejection if it comes later, and ends the run', async () => {
    const pool = poolOfTest()
    pool.onCode('later', async () => {
      await nextTurn()
      throw new TypeError('a bug in the test')
    })
    pool.onCode('value', results.value(1))
    pool.onExec('rich', results.text('1'))
    const box = await pool.acquire('python')
    const ends: unknown[] = []
    const errors = await unhandledRejectionsIn(async () => {
      for (const code of ['later', 'value']) ends.push(await box.runCode(code))
      ends.push(await box.exec('rich'))
    })
    expect(errors).toMatchObject([
      { message: 'a bug in the test' },
      { message: expect.stringContaining('has no value') },
      { message: expect.stringContaining('a command has no results') },
    ])
    for (const end of ends) expect(end).toMatchObject({ killedBy: 'crash', exitCode: null })
  })
})

it('nextRun() waits for a run, also one without a script', async () => {
  const pool = poolOfTest().onCode('a', results.exit(0))
  const box = await pool.acquire('python')
  for (const code of ['a', 'b']) {
    const begun = pool.nextRun()
    await box.runCode(code).catch(() => {})
    expect(await begun).toMatchObject({ code })
  }
})

it('stdin of a run can be read afterwards', async () => {
  const pool = poolOfTest().onCode('', results.exit(0))
  const box = await pool.acquire('python')
  await box.runCode('', { stdin: 'typed' })
  const [run] = pool.runs
  expect(run && (await text(run.stdin))).toBe('typed')
})
