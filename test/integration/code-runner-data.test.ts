import { describe, expect, it } from 'vitest'
import { runtimes } from '../helpers/engine.js'
import { useCodeRunner, WITH_DATA } from '../helpers/code-runner.js'

describe.each(runtimes)('the default code runner under %s', (runtime) => {
  const runner = useCodeRunner({
    SANDBOX_RUNTIME: runtime,
    ...WITH_DATA,
  })
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

  it('a figure that stays open is shown if it has changed, and can be saved at any time', async () => {
    const code = `
import matplotlib
matplotlib.use('TkAgg')
import matplotlib.pyplot as plt
plt.figure(figsize=(1, 1), dpi=50)
line, = plt.plot([1, 2])
plt.axis('off')
plt.show(block=False)
plt.pause(0.001)
for step in range(22):
    line.set_ydata([step + 3, 2])
    plt.draw()
    plt.pause(0.001)
plt.savefig('open.png')
plt.show()
plt.savefig('closed.png')
print(open('open.png', 'rb').read() == open('closed.png', 'rb').read(), plt.get_fignums())`
    const { results, files, ...rest } = await runner().run({ language: 'python', code })
    expect(rest).toMatchObject({ stdout: 'True []\n', stderr: '', exitCode: 0 })
    expect(files).toMatchObject([{ path: 'closed.png' }, { path: 'open.png' }])
    const pictures = new Set(results.map((result) => result.png))
    // A run shows at most 20 frames of an open figure, and its last state.
    expect([results.length, pictures.size]).toEqual([21, 21])
  })

  it('show() of a figure shows that figure at once, and once', async () => {
    const code = `
import matplotlib.pyplot as plt
plt.figure().text(0.5, 0.5, 'open')
figure = plt.figure()
figure.text(0.5, 0.5, 'shown')
figure.show()
figure.show()
display('between')
plt.close(figure)`
    const { results, stderr } = await runner().run({ language: 'python', code })
    const texts = results.map(({ png, text }) => (png ? 'picture' : text))
    expect([texts, stderr]).toEqual([['picture', "'between'", 'picture'], ''])
  })

  it('a figure without axes is shown, and one that cannot be drawn has a note', async () => {
    const code = `
import matplotlib.pyplot as plt
plt.figtext(0.5, 0.5, 'text')
plt.figure()
plt.figimage([[0, 1]])
plt.figure()
plt.figure()
plt.title('\u4e2d')
plt.figure()
plt.title(r'$\\frac{$')`
    const text = expect.stringMatching(/^<Figure size /)
    const png = expect.any(String)
    expect(await run({ language: 'python', code })).toMatchObject({
      stderr: '',
      exitCode: 0,
      results: [
        { isMain: true },
        { text, png },
        { text, png },
        { text, png, notes: [expect.stringContaining('20013')] },
        { text, notes: [expect.stringMatching(/^savefig\(\) failed: ValueError/)] },
      ],
    })
  })

  it('a handler of a signal that comes while the last figures are drawn can set the exit code', async () => {
    const code = `
import os, signal
import matplotlib.pyplot as plt
from matplotlib.artist import Artist
class Interrupted(Artist):
    def draw(self, renderer): os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGINT, lambda *_: exit(7))
plt.figure().add_artist(Interrupted())
exit(1)`
    expect(await run({ language: 'python', code })).toMatchObject({ stderr: '', exitCode: 7 })
  })

  it('the code runner runs TypeScript', async () => {
    const code = 'const answer: number = 6 * 7\nconsole.log(answer)'
    const answer = await run({ language: 'typescript', code })
    expect(answer).toMatchObject({ stdout: '42\n', stderr: '', exitCode: 0 })
  })
})
