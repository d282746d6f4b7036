import { isDeepStrictEqual } from 'node:util'

/** One sample of the text format of Prometheus. */
interface Sample {
  name: string
  labels: Readonly<Record<string, string>>
  value: number
}

/** The samples of one scrape. */
export class Scrape {
  readonly samples: readonly Sample[]

  constructor(text: string) {
    this.samples = text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map(sampleOf)
  }

  /** Returns the sum of the samples of this name that have all of the labels. `''` matches no label. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.samples
      .filter((sample) => sample.name === name)
      .filter((sample) =>
        Object.entries(labels).every(([key, value]) => (sample.labels[key] ?? '') === value),
      )
      .reduce((total, { value }) => total + value, 0)
  }

  /** Returns the value of the sample that has exactly these labels. */
  valueOf(name: string, labels: Readonly<Record<string, string>>): number | undefined {
    return this.samples.find(
      (sample) => sample.name === name && isDeepStrictEqual(sample.labels, labels),
    )?.value
  }

  /** The names of all samples: a histogram has three. */
  get names(): ReadonlySet<string> {
    return new Set(this.samples.map(({ name }) => name))
  }

  /** The names of all labels. */
  get labels(): ReadonlySet<string> {
    return new Set(this.samples.flatMap(({ labels }) => Object.keys(labels)))
  }
}

function sampleOf(line: string): Sample {
  const {
    name = '',
    labels = '',
    value = '',
  } = /^(?<name>[\w:]+)(?:\{(?<labels>.*)\})? (?<value>\S+)$/.exec(line)?.groups ?? {}
  if (name === '') throw new Error(`not a sample: ${line}`)
  const pairs = Array.from(
    labels.matchAll(/([\w:]+)="((?:[^"\\]|\\.)*)"/g),
    ([, key = '', text]) => [key, text],
  )
  return { name, labels: Object.fromEntries(pairs), value: Number(value) }
}
