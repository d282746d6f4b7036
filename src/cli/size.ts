import { parseArgs } from 'node:util'
import type { QueueModel, Target } from '../pool/queueing.js'
import {
  chanceOfWaiting,
  erlangs,
  meanWaitMs,
  placesFor,
  REPLACE_MS,
  TARGET,
  warmFor,
} from '../pool/queueing.js'

const OPTIONS = {
  rate: { type: 'string' },
  hold: { type: 'string' },
  replace: { type: 'string', default: `${REPLACE_MS}ms` },
  wait: { type: 'string', default: `${TARGET.waitMs}ms` },
  percentile: { type: 'string', default: String(TARGET.percentile) },
  'launches-per-second': { type: 'string' },
  json: { type: 'boolean' },
} as const

/** The functions that print one line each. */
interface Output {
  say: (line: string) => void
  complain: (line: string) => void
}

/** The parsed command line. */
interface SizeQuery extends Target {
  rate: number
  holdMs: number
  replaceMs: number
  launchesPerSecond: number | undefined
  isJson: boolean
}

/** An error of the command line. */
class UsageError extends Error {}

/** The greatest answer. A larger load is probably a mistake in the units, and takes long to compute. */
const MAX_CONTAINERS = 100_000
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 }

/** Runs `hono-sandbox size`. Returns the exit code: 1 if no size is enough, 2 for an invalid command line. */
export function size(args: string[], { say, complain }: Output): number {
  try {
    const question = read(args)
    const problem = problemOf(question)
    if (problem) complain(`error: ${problem}`)
    else for (const line of answer(question)) say(line)
    return problem ? 1 : 0
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    complain(`error: ${error.message}`)
    return 2
  }
}

function read(args: string[]): SizeQuery {
  const { values } = parse(args)
  const launches = values['launches-per-second']
  const question = {
    rate: positive('rate', values.rate, 'callers a second, as in --rate 20'),
    holdMs: duration('hold', values.hold),
    replaceMs: duration('replace', values.replace),
    waitMs: duration('wait', values.wait),
    percentile: positive('percentile', values.percentile, 'a share, as in --percentile 99'),
    launchesPerSecond:
      launches === undefined
        ? undefined
        : positive('launches-per-second', launches, 'a number, as in --launches-per-second 12'),
    isJson: values.json ?? false,
  }
  if (question.percentile > 99.999) {
    throw new UsageError('--percentile is more than 99.999: write 99, or 99.9')
  }
  if (erlangs(modelOf(question, 0)) > MAX_CONTAINERS) {
    throw new UsageError(
      `--rate and --hold need more than ${MAX_CONTAINERS} containers: check their units`,
    )
  }
  return question
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS })
  } catch (error) {
    // The first sentence is Node's own message. The others are about positional arguments.
    const [reason = ''] = error instanceof Error ? error.message.split('. ') : []
    throw new UsageError(`${reason}: see hono-sandbox --help`)
  }
}

function positive(name: string, text: string | undefined, example: string): number {
  if (text === undefined) throw new UsageError(`--${name} is missing: write ${example}`)
  if (/^\d+(\.\d+)?$/.test(text) && Number(text) > 0) return Number(text)
  throw new UsageError(`--${name} is ${JSON.stringify(text)}: write ${example}`)
}

function duration(name: string, text: string | undefined): number {
  const example = `write a time with its unit, as in --${name} 300ms, 1.5s or 1m`
  if (text === undefined) throw new UsageError(`--${name} is missing: ${example}`)
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text) ?? []
  const ms = Number(number) * (UNITS[unit] ?? Number.NaN)
  if (ms > 0 && Number.isFinite(ms)) return ms
  throw new UsageError(`--${name} is ${JSON.stringify(text)}: ${example}`)
}

/** Returns the reason if no number of containers is enough. */
function problemOf({ rate, launchesPerSecond = Infinity }: SizeQuery): string | undefined {
  if (rate < launchesPerSecond) return undefined
  return (
    `no size is enough: each caller uses one container, ${rate} callers a second arrive, and the ` +
    `engine launches ${launchesPerSecond} containers a second. A launch costs CPU: use more or faster machines`
  )
}

function modelOf({ rate, holdMs, replaceMs }: SizeQuery, places: number): QueueModel {
  return { places, rate, boundMs: holdMs + replaceMs }
}

function answer(question: SizeQuery): string[] {
  const { rate, holdMs, replaceMs, waitMs, percentile, launchesPerSecond, isJson } = question
  const max = placesFor(modelOf(question, 0), question)
  const size = warmFor({ rate, launchMs: replaceMs }, { most: max, percentile })
  const model = modelOf(question, max)
  const [utilisation, waiting] = [erlangs(model) / max, chanceOfWaiting(model)]
  const [waitingLonger, waitMeanMs] = [chanceOfWaiting(model, waitMs), meanWaitMs(model)]
  if (isJson) {
    return [JSON.stringify({ size, max, utilisation, waiting, waitingLonger, waitMeanMs })]
  }
  const launches =
    launchesPerSecond === undefined
      ? []
      : [
          `launches     ${rate} a second of ${launchesPerSecond}, ${share(rate / launchesPerSecond)}`,
        ]
  return [
    `load         ${rate} a second, each held for ${holdMs} ms and replaced in ${replaceMs} ms`,
    `size         ${size}: the callers during one launch, ${percentile} % of the time`,
    `max          ${max}: ${erlangs(model).toFixed(1)} of them busy on average`,
    `utilisation  ${share(utilisation)}`,
    ...launches,
    `wait         ${share(waiting)} wait, ${share(waitingLonger)} longer than ${waitMs} ms, ` +
      `${waitMeanMs.toFixed(1)} ms on average`,
    `languages: { python: { size: ${size}, max: ${max} } }`,
  ]
}

function share(part: number): string {
  return `${(part * 100).toFixed(1)} %`
}
