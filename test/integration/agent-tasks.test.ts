import { describe, expect, it, onTestFinished } from 'vitest'
import { run } from '../helpers/agent-folder.js'
import { isSlow, places, useFolders } from '../helpers/agent-places.js'
import { until } from '../helpers/until.js'

/**
 * `interrupt_at(n)` interrupts the cell at the n-th line that the loop runs. The frame of the trace
 * function must be one of asyncio, because a handler of a signal gets the frame that runs.
 */
const TRACE = `
import asyncio, selectors, signal, sys
def interrupt_at(number):
    files, frame, lines = (asyncio.__path__[0], selectors.__file__), sys._getframe(), [0]
    def trace(frame, event, _):
        if event == 'line' and frame.f_code.co_filename.startswith(files):
            lines[0] += 1
            if lines[0] == number: signal.raise_signal(signal.SIGINT)
        if event == 'return' and frame.f_code.co_name == 'run_forever': sys.settrace(None)
        return trace
    while frame := frame.f_back: frame.f_trace = trace
    sys.settrace(trace)`
const DEFINE_INTERRUPT_AT = `import asyncio\nexec(compile(${JSON.stringify(TRACE)}, asyncio.__file__, 'exec'))`

const pythonPlaces = places.filter((place) => place.language === 'python' && !isSlow(place))

describe.each(pythonPlaces)('tasks of asyncio in Python, $where', (place) => {
  const folderOfTest = useFolders(place)
  let count = 0
  const newContext = async () => {
    const folder = await folderOfTest()
    const { agent } = folder
    const context = `tasks-${++count}`
    const cwd = `${agent.workspace}/${folder.path}`
    const opened = agent.open({ op: 'open', context, cwd })
    await opened.wait('the context is ready', () => opened.started !== undefined)
    onTestFinished(async () => {
      opened.signal('SIGKILL')
      await opened.answer()
    })
    const ask = async (code: string) => {
      const { stdout, stderr, records, done } = await agent.ask({ ...run(code), context })
      return { stdout: stdout.toString(), stderr, records, exitCode: done.exitCode }
    }
    const exists = (path: string) => async () => (await folder.tree()).includes(path)
    const start = (code: string) => agent.open({ ...run(code), context })
    return { ask, start, exists }
  }

  it('a task begins in its cell, goes on between cells, and is awaited in another cell', async () => {
    const { ask, exists } = await newContext()
    const code = [
      'import asyncio',
      'async def work():',
      '    print("begun")',
      '    for _ in range(100): await asyncio.sleep(0)',
      '    display(1)',
      '    open("done", "w").close()',
      '    return 2',
      'task = asyncio.create_task(work())',
      'task.done()',
    ]
    const first = await ask(code.join('\n'))
    expect([first.stdout, first.stderr]).toEqual(['begun\n', ''])
    expect(first.records).toEqual([{ type: 'result', isMain: true, text: 'False' }])
    await until('the task has ended', exists('done'))
    expect((await ask('await task')).records).toEqual([
      { type: 'result', isMain: false, text: '1' },
      { type: 'result', isMain: true, text: '2' },
    ])
  })

  it('code in a context finds a loop, and can run loops of its own', async () => {
    const { ask } = await newContext()
    await ask('import asyncio\nasync def value(): return 1')
    const mixed = [
      'asyncio.run(value())',
      'loop = asyncio.get_running_loop()',
      'loop.run_until_complete(value())',
      'gathered = asyncio.create_task(value())',
    ]
    expect((await ask(mixed.join('\n'))).stderr).toBe('')
    const gathered = await ask('gathered = asyncio.gather(gathered, value())')
    expect(gathered.stderr).toBe('')
    const { records } = await ask('await gathered, asyncio.get_running_loop() is loop')
    expect(records).toEqual([{ type: 'result', isMain: true, text: '([1, 1], True)' }])
  })

  it('a task that exits between two cells does not end the context', async () => {
    const { ask, exists } = await newContext()
    const code = [
      'import asyncio, sys',
      'async def leave():',
      '    await asyncio.sleep(0)',
      '    open("left", "w").close()',
      '    sys.exit(3)',
      'task = asyncio.create_task(leave())',
    ]
    await ask(code.join('\n'))
    await until('the task has ended', exists('left'))
    expect((await ask('task.done()')).records).toEqual([
      { type: 'result', isMain: true, text: 'True' },
    ])
  })

  it('an interrupt at any line of the loop ends the run, and the next cell can await', async () => {
    const { ask } = await newContext()
    await ask(DEFINE_INTERRUPT_AT)
    let lines = 0
    for (let wasReached = true; wasReached; lines++) {
      const { exitCode } = await ask(`interrupt_at(${lines + 1})\nawait asyncio.sleep(0.001)`)
      wasReached = exitCode === 130
      const next = await ask('await asyncio.sleep(0, 42)')
      expect([exitCode, next.records], `line ${lines + 1}`).toMatchObject([
        expect.toBeOneOf([0, 130]),
        [{ text: '42' }],
      ])
    }
    expect(lines).toBeGreaterThan(50)
  })

  it('an exit of a task ends its cell, and the next cell can await', async () => {
    const { ask } = await newContext()
    for (const turns of [0, 1, 2, 3]) {
      const code = `import asyncio, sys
async def leave():
    for _ in range(${turns}): await asyncio.sleep(0)
    sys.exit(3)
task = asyncio.create_task(leave())`
      const { exitCode } = await ask(code)
      expect(exitCode).toBe(turns < 3 ? 3 : 0)
      expect((await ask('await asyncio.sleep(0, 42)')).records).toMatchObject([{ text: '42' }])
    }
  })

  it('an error at the end of an interrupted run is the error of the run', async () => {
    const { start } = await newContext()
    const request = start(`import asyncio
async def fail():
    try:
        await asyncio.sleep(300)
    finally:
        1 / 0
def report(): print('ready', flush=True)
asyncio.get_running_loop().call_later(0.01, report)
await fail()`)
    await request.waitForText('ready\n')
    request.signal('SIGINT')
    const { stderr, done } = await request.answer()
    expect([done.exitCode, stderr]).toEqual([
      1,
      expect.stringMatching(/^Traceback.*\nZeroDivisionError: division by zero\n$/s),
    ])
    expect(stderr).not.toMatch(/agent|run_forever|never retrieved/)
  })

  it('an error after an interrupt shows no frame of ours', async () => {
    const { ask } = await newContext()
    const code = `import asyncio, os, signal
async def fail():
    try:
        os.kill(os.getpid(), signal.SIGINT)
    finally:
        1 / 0
await fail()`
    const { stderr } = await ask(code)
    expect(stderr).toMatch(/KeyboardInterrupt\n\nDuring handling of.*ZeroDivisionError/s)
    expect(stderr).not.toContain('agent')
  })

  it('a program has a loop before its first await, and none without an await', async () => {
    const { agent } = await folderOfTest()
    const begin = 'import asyncio\nasync def value(): return 1\ntask = asyncio.create_task(value())'
    const awaited = await agent.ask(run(`${begin}\nasyncio.run(value())\nawait task`))
    expect(awaited.records).toEqual([{ type: 'result', isMain: true, text: '1' }])
    const plain = await agent.ask(run(begin))
    expect(plain.stderr).toContain('RuntimeError: no running event loop')
    expect(plain.done.exitCode).toBe(1)
  })
})
