import { describe, expect, it } from 'vitest'
import { leaseOfTest, runtimes, usePool } from '../helpers/engine.js'

const image = 'hono-sandbox/python-data:bookworm'
const preload = ['numpy', 'pandas', 'matplotlib.pyplot']

/** Programs that need memory, and what they print. */
const PROGRAMS: Readonly<Record<string, [code: string, stdout: string]>> = {
  'two forks that sleep': [
    `
import os, time
children = [os.fork() or (time.sleep(0.5), os._exit(7)) for _ in range(2)]
print([os.waitpid(pid, 0)[1] >> 8 for pid in children])`,
    '[7, 7]\n',
  ],
  'a pool of two processes': [
    `
import multiprocessing
def square(number):
    return number * number
with multiprocessing.Pool(2) as pool:
    print(sum(pool.map(square, range(10))))`,
    '285\n',
  ],
  'a CSV file of 10 MB': [
    `
import os, pandas
with open('big.csv', 'w') as file:
    file.write('number,half,name\\n')
    while file.tell() < 10_000_000:
        file.writelines('%d,%.6f,name-%d\\n' % (n, n / 2, n % 1000) for n in range(10_000))
table = pandas.read_csv('big.csv')
print(os.path.getsize('big.csv') > 10_000_000, len(table) % 10_000, table.number.max())`,
    'True 0 9999\n',
  ],
  'six large figures': [
    `
import matplotlib.pyplot as plt
for number in range(6):
    plt.figure(figsize=(12, 9))
    plt.plot(range(1000))
plt.show()
print(len(plt.get_fignums()))`,
    '0\n',
  ],
}

describe.each(runtimes)('256 MiB with the data packages under %s', (runtime) => {
  const languages = { python: { size: 1, max: 2, image, preload } }
  const pool = usePool({ runtime, memory: '256m', languages })

  it.each(Object.entries(PROGRAMS))('are enough for %s', async (_, [code, stdout]) => {
    const sandbox = await leaseOfTest(pool(), 'python')
    const result = await sandbox.runCode(code)
    expect(result).toMatchObject({ stdout, stderr: '', exitCode: 0 })
    expect(result).not.toHaveProperty('killedBy')
    expect(await sandbox.runCode('print(1)')).toMatchObject({ stdout: '1\n', exitCode: 0 })
  })
})

describe.each(runtimes)('a lack of memory under %s', (runtime) => {
  const pool = usePool({ runtime, memory: '192m', languages: { python: { size: 1, max: 2 } } })
  const hoard = `
import os, time
def hoard():
    kept = []
    while True:
        kept.append(bytearray(b'x') * 1_000_000)
        time.sleep(0.003)`

  it('ends the program that takes too much, and not the lease', async () => {
    const sandbox = await leaseOfTest(pool(), 'python')
    const result = await sandbox.runCode(`${hoard}\nhoard()`)
    expect(result).toMatchObject({ signal: 'SIGKILL', killedBy: 'oom' })
    expect(await sandbox.runCode('print(1)')).toMatchObject({ stdout: '1\n', exitCode: 0 })
  })

  it('ends the child process that takes too much, and not its program', async () => {
    const sandbox = await leaseOfTest(pool(), 'python')
    const code = `${hoard}
pid = os.fork()
if pid == 0:
    hoard()
print(os.waitpid(pid, 0)[1])`
    const result = await sandbox.runCode(code)
    expect(result).toMatchObject({ stdout: '9\n', exitCode: 0 })
  })
})
