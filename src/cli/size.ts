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

/** Where what is said goes: a line each. */
interface Output {
  say: (line: string) => void
  complain: (line: string) => void
}

/** What is to be sized. */
interface Question extends Target {
  rate: number
  holdMs: number
  replaceMs: number
  launchesPerSecond: number | undefined
  isJson: boolean
}

/** What is wrong with the command line, in a sentence. */
class Wrong extends Error {}

/** More than this no machine has, and counting them would take long. */
const MOST_PLACES = 100_000
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 }

/** `hono-sandbox size`: gives the exit code. 1 where no size helps, 2 for a wrong command line. */
export function size(args: string[], { say, complain }: Output): number {
  try {
    const question = read(args)
    const hopeless = whyHopeless(question)
    if (hopeless) complain(`error: ${hopeless}`)
    else for (const line of answer(question)) say(line)
    return hopeless ? 1 : 0
  } catch (error) {
    if (!(error instanceof Wrong)) throw error
    complain(`error: ${error.message}`)
    return 2
  }
}

function read(args: string[]): Question {
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
    throw new Wrong('--percentile is more than 99.999: write 99, or 99.9')
  }
  if (erlangs(modelOf(question, 0)) > MOST_PLACES) {
    throw new Wrong(`--rate and --hold need more than ${MOST_PLACES} containers: check their units`)
  }
  return question
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS })
  } catch (error) {
    // Node's own sentence is the first; what follows is about positionals.
    const [reason = ''] = error instanceof Error ? error.message.split('. ') : []
    throw new Wrong(`${reason}: see hono-sandbox --help`)
  }
}

function positive(name: string, text: string | undefined, what: string): number {
  if (text === undefined) throw new Wrong(`--${name} is missing: write ${what}`)
  if (/^\d+(\.\d+)?$/.test(text) && Number(text) > 0) return Number(text)
  throw new Wrong(`--${name} is ${JSON.stringify(text)}: write ${what}`)
}

function duration(name: string, text: string | undefined): number {
  const example = `write a time with its unit, as in --${name} 300ms, 1.5s or 1m`
  if (text === undefined) throw new Wrong(`--${name} is missing: ${example}`)
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text) ?? []
  const ms = Number(number) * (UNITS[unit] ?? Number.NaN)
  if (ms > 0 && Number.isFinite(ms)) return ms
  throw new Wrong(`--${name} is ${JSON.stringify(text)}: ${example}`)
}

/** Why no number of containers is enough, if so. */
function whyHopeless({ rate, launchesPerSecond = Infinity }: Question): string | undefined {
  if (rate < launchesPerSecond) return undefined
  return (
    `no size helps: each caller uses up a container, ${rate} a second come and the engine ` +
    `launches ${launchesPerSecond} a second. A launch costs CPU: use more or faster machines`
  )
}

function modelOf({ rate, holdMs, replaceMs }: Question, places: number): QueueModel {
  return { places, rate, boundMs: holdMs + replaceMs }
}

function answer(question: Question): string[] {
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
    `size         ${size}: those who come during one launch, ${percentile} % of the time`,
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
