import type { Program } from './programs.js'

/** A program to start from. */
export interface Example extends Program {
  name: string
  /** The time limit in milliseconds, if the example needs its own. */
  timeoutMs?: number
}

const python = (name: string, code: string, timeoutMs?: number): Example => {
  return { name, language: 'python', code, ...(timeoutMs !== undefined && { timeoutMs }) }
}

export const EXAMPLES: readonly Example[] = [
  python(
    'A plot',
    `import numpy as np
import matplotlib.pyplot as plt

x = np.linspace(0, 4 * np.pi, 400)
figure, axes = plt.subplots(figsize=(7, 3.6))
for damping in (0.05, 0.15, 0.4):
    axes.plot(x, np.exp(-damping * x) * np.cos(2 * x), label=f'damping {damping}')
axes.set_title('Damped oscillation')
axes.legend(frameon=False)
axes.grid(alpha=0.3)
plt.show()
`,
  ),
  python(
    'A table',
    `import numpy as np
import pandas as pd

random = np.random.default_rng(7)
sales = pd.DataFrame({
    'city': random.choice(['Bern', 'Lyon', 'Porto', 'Turin'], 200),
    'units': random.integers(1, 40, 200),
    'price': random.normal(25, 6, 200).round(2),
})
sales['total'] = sales.units * sales.price
sales.groupby('city').agg({'units': 'sum', 'price': 'mean', 'total': 'sum'}).round(2)
`,
  ),
  python(
    'Output as it comes',
    `import sys
import time

for step in range(1, 11):
    print(f'step {step:2} {"█" * step}', flush=True)
    if step % 4 == 0:
        print('a word on stderr', file=sys.stderr, flush=True)
    time.sleep(0.4)
print('done')
`,
  ),
  python(
    'Questions',
    `name = input('What is your name? ')
number = int(input('A number, please: '))
print(f'Hello {name}, {number} squared is {number ** 2}.')
`,
    60_000,
  ),
  python(
    'An error',
    `def mean(values):
    return sum(values) / len(values)

print(mean([3, 4, 8]))
print(mean([]))
`,
  ),
  python(
    'Too slow',
    `# The time limit of this example is 2 seconds.
count = 0
while True:
    count += 1
    if count % 5_000_000 == 0:
        print(f'{count:,}', flush=True)
`,
    2000,
  ),
  python(
    'HTML, JSON and SVG',
    `display({'text/html': '<h3>Hello</h3><p>HTML of a program has <em>no scripts</em> and no network.</p>'}, raw=True)
display({'application/json': {'answer': 42, 'primes': [2, 3, 5, 7]}}, raw=True)
circles = ''.join(f'<circle cx="{30 + 55 * i}" cy="40" r="{8 + 4 * i}" fill="hsl({i * 45} 60% 55%)"/>' for i in range(6))
display({'image/svg+xml': f'<svg xmlns="http://www.w3.org/2000/svg" width="360" height="80">{circles}</svg>'}, raw=True)
`,
  ),
  python(
    'A file to download',
    `import csv

# Files that you drop on the page are in the working directory, too.
with open('squares.csv', 'w', newline='') as file:
    rows = csv.writer(file)
    rows.writerow(['n', 'square'])
    rows.writerows((n, n * n) for n in range(1, 101))
print('squares.csv is below, ready to download')
`,
  ),
  {
    name: 'Node: a stream',
    language: 'nodejs',
    code: `const { setTimeout: sleep } = require('node:timers/promises')

async function* fibonacci() {
  for (let [a, b] = [0n, 1n]; ; [a, b] = [b, a + b]) yield a
}

;(async () => {
  let count = 0
  for await (const value of fibonacci()) {
    console.log(String(value))
    if (++count === 25) break
    await sleep(80)
  }
})()
`,
  },
  {
    name: 'TypeScript: types',
    language: 'typescript',
    code: `interface Point {
  x: number
  y: number
}

const distance = (a: Point, b: Point): number => Math.hypot(a.x - b.x, a.y - b.y)
const points: Point[] = [{ x: 0, y: 0 }, { x: 3, y: 4 }, { x: 6, y: 8 }]

points.map((point) => ({ ...point, fromOrigin: distance(point, points[0]) }))
`,
  },
]
