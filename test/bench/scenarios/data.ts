import type { Bench, Contender } from '../bench.js'
import { imageOf, interleave, rowOf, startPool } from '../bench.js'
import type { Row } from '../rows.js'
import { Samples, timed } from '../rows.js'

const DATA_IMAGES = [
  'quay.io/jupyter/scipy-notebook:2025-03-14',
  'hono-sandbox/python-data:bookworm',
]
const PRELOAD = ['numpy', 'pandas']
const GROUP_BY = `
import numpy, pandas
frame = pandas.DataFrame({'key': numpy.arange(1000) % 7, 'value': numpy.arange(1000)})
print(int(frame.groupby('key').value.sum().max()))
`
const EXPECTED = '71786\n'
/** Memory for a preloaded pandas and for a second interpreter that imports it again. */
const MEMORY = '1g'

/** Measures `import pandas` and a group-by with preload, without preload and in a bare process. */
export async function preload(bench: Bench): Promise<Row[]> {
  if (bench.language !== 'python') return []
  const image = await imageOf(DATA_IMAGES)
  if (!image) return []
  const data = { ...bench, image, program: GROUP_BY, expected: EXPECTED }
  const warm = await startPool(data, { size: 1, max: 1, preload: PRELOAD }, { memory: MEMORY })
  const cold = await startPool(data, { size: 1, max: 1 }, { memory: MEMORY })
  const [preloaded, plain] = await Promise.all([warm.acquire('python'), cold.acquire('python')])
  const contender = (what: string, run: () => Promise<{ stdout: string }>): Contender => ({
    what,
    where: 'container',
    run: async () => (await run()).stdout,
    settle: async () => {},
    close: async () => {},
  })
  try {
    const contenders = [
      // The host may have no pandas, so the bare process runs in a container of the same image.
      contender('bare python3 in the image', () => plain.exec(['python3', '-c', GROUP_BY])),
      contender('runCode without preload', () => plain.runCode(GROUP_BY)),
      contender('runCode with preload', () => preloaded.runCode(GROUP_BY)),
    ]
    return await interleave(data, 'import pandas', contenders, bench.numbers.slowRounds)
  } finally {
    await Promise.all([warm, cold].map((pool) => pool.close({ deadlineMs: 0 })))
  }
}

/** Measures the speed of output and files, which are streamed. */
export async function transfer(bench: Bench): Promise<Row[]> {
  const { language, numbers } = bench
  const bytes = numbers.transferBytes
  const options = { memory: '512m', workspaceSize: '256m' }
  const pool = await startPool(bench, { size: 1, max: 1 }, options)
  const sandbox = await pool.acquire(language)
  const piece = new Uint8Array(1024 * 1024)
  const source = () =>
    ReadableStream.from(Array.from({ length: bytes / piece.length }, () => piece))
  const expectAll = (what: string, found: number) => {
    if (found !== bytes) throw new Error(`${what}: ${found} of ${bytes} bytes`)
  }
  const directions: Record<string, () => Promise<void>> = {
    'output of a program': async () => {
      let found = 0
      const handle = sandbox.exec(['head', '-c', String(bytes), '/dev/zero'], { format: 'bytes' })
      for await (const event of handle) if (event.type === 'stdout') found += event.data.length
      expectAll('output', found)
    },
    'into a file': async () => {
      await sandbox.writeFile('data', source())
      expectAll('a file', (await sandbox.stat('data')).size)
    },
    'out of a file': async () => {
      let found = 0
      const stream = await sandbox.readFile('data', { format: 'stream' })
      for await (const part of stream) found += part.length
      expectAll('a file', found)
    },
  }
  try {
    const rows: Row[] = []
    for (const [what, move] of Object.entries(directions)) {
      const speed = new Samples()
      for (let round = 0; round < numbers.rateRounds; round++) {
        speed.add(bytes / 1e6 / ((await timed(move)) / 1000))
      }
      rows.push(
        rowOf(bench, 'container', { scenario: 'transfer', what, unit: 'MB/s', ...speed.spread }),
      )
    }
    return rows
  } finally {
    await pool.close({ deadlineMs: 0 })
  }
}
