import { describe, expect, it } from 'vitest'
import { runtimes } from '../helpers/engine.js'
import { useCodeRunner, WITH_DATA } from '../helpers/code-runner.js'

describe.each(runtimes)('the default code runner under %s', (runtime) => {
  const runner = useCodeRunner({ SANDBOX_RUNTIME: runtime, ...WITH_DATA })
  const run = async (body: object): Promise<unknown> => (await runner().post(body)).json()

  it('the default Python has imported the data packages', async () => {
    const code = `
import sys
print(all(name in sys.modules for name in ('numpy', 'pandas', 'matplotlib.pyplot')))
import pandas
import matplotlib.pyplot as plt
table = pandas.DataFrame({'a': [1, 2, 1], 'b': [3, 4, 5]}).groupby('a').b.sum()
print(table.to_dict())
table.plot()
plt.savefig('plot.png')`
    expect(await run({ language: 'python', code })).toMatchObject({
      stdout: 'True\n{1: 8, 2: 4}\n',
      stderr: '',
      exitCode: 0,
      files: [{ path: 'plot.png', mimeType: 'image/png' }],
    })
  })

  it('the code runner runs TypeScript', async () => {
    const code = 'const answer: number = 6 * 7\nconsole.log(answer)'
    const answer = await run({ language: 'typescript', code })
    expect(answer).toMatchObject({ stdout: '42\n', stderr: '', exitCode: 0 })
  })
})
