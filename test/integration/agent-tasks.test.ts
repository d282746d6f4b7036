import { describe, expect, it, onTestFinished } from 'vitest'
import { run } from '../helpers/agent-folder.js'
import { isSlow, places, useFolders } from '../helpers/agent-places.js'
import { until } from '../helpers/until.js'

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
      const { stdout, stderr, records } = await agent.ask({ ...run(code), context })
      return { stdout: stdout.toString(), stderr, records }
    }
    const exists = (path: string) => async () => (await folder.tree()).includes(path)
    return { ask, exists }
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
