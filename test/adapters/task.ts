import { expect } from 'vitest'

/** The file that the task begins with. */
export const CSV = 'day,sales\nmon,3\ntue,4\n'

/** A program that fails: the column has another name. */
export const WRONG = `import pandas as pd
print(pd.read_csv('data.csv')['sale'].sum())
`

/** The same program, repaired. It also plots the file. */
export const RIGHT = `import pandas as pd
import matplotlib
matplotlib.use('agg')
data = pd.read_csv('data.csv')
data.plot(x='day', y='sales', kind='bar').figure.savefig('plot.png')
print('total', data['sales'].sum())
`

/** The command of a program, for SDKs that have only a shell. */
export const commandOf = (program: string) => `python3 - <<'END'\n${program}\nEND`

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]

/** Expects that the bytes are the plot. */
export function expectPlot(bytes: Uint8Array | null | undefined): void {
  expect(Array.from(bytes?.subarray(0, PNG.length) ?? [])).toEqual(PNG)
}
