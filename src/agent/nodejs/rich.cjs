// In a process of the user's: what a run gives besides its output, on descriptor 3. With the parts
// that follow, the runner: the other function of our program.

'use strict'

const fs = require('node:fs')
const util = require('node:util')

const LONGEST_TEXT = 65536
const LONGEST_PART = 3 * 1024 * 1024
const LONGEST_RECORD = 4 * 1024 * 1024
// Whatever the program makes of them
const { Array, ArrayBuffer, Buffer, Map, Number, Object, Promise, SyntaxError, process } =
  globalThis
const { readSync, writeSync } = fs
const { parse, stringify } = JSON
const told = { unsent: Buffer.alloc(0), owed: 0 }

/** Says it to the agent. A record waits, as output does, until the agent is through with it. */
function tell(tag, message) {
  const payload = Buffer.from(stringify(message))
  const header = Buffer.from(`${tag}    `)
  header.writeUInt32BE(payload.length, 1)
  told.unsent = Buffer.concat([told.unsent, header, payload])
  if (tag === 'r') told.owed += 1
  try {
    finishTelling()
  } catch {
    // the program has closed it: nobody hears it any more
  }
}

/** An interrupt may end this anywhere: whoever is next goes on where it was. */
function finishTelling() {
  while (told.unsent.length > 0) told.unsent = told.unsent.subarray(writeSync(3, told.unsent))
  while (told.owed > 0) told.owed -= readSync(3, Buffer.alloc(1)) || Infinity
}

const NAMES = {
  'text/plain': 'text',
  'text/html': 'html',
  'text/markdown': 'markdown',
  'image/svg+xml': 'svg',
  'image/png': 'png',
  'image/jpeg': 'jpeg',
  'text/latex': 'latex',
  'application/json': 'json',
}
const RICH = [Symbol.for('Jupyter.display'), Symbol.for('nodejs.rich')]
const MIME_TYPE = /^[\w.+-]+\/[\w.+-]+$/
const SVG_DOCUMENT = /^\s*(?:<\?xml[^>]*>\s*)?<svg[\s>][^]*<\/svg>\s*$/

/** A global of the user's. What is asynchronous comes when it is there. */
function display(...values) {
  const waiting = values.map((value) => show(value, false)).filter(util.types.isPromise)
  return waiting.length > 0 ? allOf(waiting) : undefined
}

async function allOf(promises) {
  await Promise.all(promises)
}

function show(value, isMain) {
  const bundle = bundleOf(value)
  if (!util.types.isPromise(bundle)) return give(value, bundle, isMain)
  return bundle.catch(() => {}).then((all) => give(value, all, isMain))
}

/** What it says of itself, a MIME type each; there may be no more than its text. */
function bundleOf(value) {
  if (typeof value === 'string') return SVG_DOCUMENT.test(value) ? { 'image/svg+xml': value } : {}
  if (typeof value !== 'object' || value === null) return {}
  return attempt(() => {
    const method = RICH.find((symbol) => typeof value[symbol] === 'function')
    if (method) return value[method]()
    const types = Object.keys(value)
    return types.length > 0 && types.every((type) => MIME_TYPE.test(type)) ? value : {}
  })
}

function attempt(action) {
  try {
    return action()
  } catch {
    return undefined
  }
}

/** A proxy of the user's may throw here. */
const isOf = (kind, thrown) => attempt(() => thrown instanceof kind)

function give(value, bundle, isMain) {
  attempt(() => trim(value))
  const parts = {}
  const sizes = {}
  for (const [type, name] of Object.entries(NAMES)) {
    const part = attempt(() => represent(bundle?.[type], name))
    const size = attempt(() => Buffer.byteLength(stringify(part)))
    if (size) [parts[name], sizes[name]] = [part, size]
  }
  parts.text = shorten(parts.text ?? util.inspect(value))
  const omitted = leaveOut(parts, sizes)
  tell('r', { type: 'result', isMain, ...parts, ...(omitted.length > 0 && { omitted }) })
}

function represent(part, name) {
  if (name === 'json' || typeof part === 'string') return part
  return util.types.isUint8Array(part) ? Buffer.from(part).toString('base64') : undefined
}

/** Takes out the largest until the rest is no more than a record may be; their names. */
function leaveOut(parts, sizes) {
  sizes.text = Buffer.byteLength(stringify(parts.text))
  const names = Object.keys(sizes).sort((one, other) => sizes[one] - sizes[other])
  const omitted = []
  let sum = 1000 + names.reduce((total, name) => total + sizes[name], 0)
  while (sizes[names.at(-1)] > LONGEST_PART || sum > LONGEST_RECORD) {
    const name = names.pop()
    sum -= sizes[name]
    delete parts[name]
    omitted.push(name)
  }
  return omitted
}

/** Its beginning, and so much of its end. */
function shorten(text, end = 0) {
  if (text.length <= LONGEST_TEXT) return text
  const begin = LONGEST_TEXT - end - 50
  const rest = end > 0 ? `\n${text.slice(-end)}` : ''
  return `${text.slice(0, begin)}\n[${text.length - begin - end} characters left out]${rest}`
}

/** What throws where it is looked at. */
const SHY = '[it cannot be shown]'
const OUR_FRAMES = /\n +at .*node:sandbox.*/g
/** What called the user's first frame. */
const FRAMES_BELOW = /(?:\n +at (?:new Promise \(<anonymous>\)|(?:.*[( ])?node:.*))+$/

/** Leaves the frames of the user, in what Node is going to print too. */
function trim(error) {
  if (!util.types.isNativeError(error) || typeof error.stack !== 'string') return
  const stack = error.stack.replace(OUR_FRAMES, '').replace(FRAMES_BELOW, '')
  if (stack !== error.stack) attempt(() => (error.stack = stack))
}

function tellError(thrown) {
  const shy = { name: typeof thrown, message: SHY, traceback: SHY }
  tell('r', { type: 'error', ...(attempt(() => describe(thrown)) ?? shy) })
}

function describe(thrown) {
  trim(thrown)
  const isError = util.types.isNativeError(thrown) || thrown instanceof Error
  const type = Object(thrown) === thrown ? thrown.constructor?.name : typeof thrown
  const text = isError ? undefined : util.inspect(thrown)
  const strings = {
    name: isError ? thrown.name : (type ?? 'object'),
    message: text ?? thrown.message,
    traceback: text ?? thrown.stack,
  }
  const entries = Object.entries(strings).map(([name, each]) => [name, shorten(`${each}`, 30000)])
  return Object.fromEntries(entries)
}
