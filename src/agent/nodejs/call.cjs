// Calls a function that a program has defined, and sends its value. Runs in the processes that run
// programs.

const util = require('node:util')
const vm = require('node:vm')
const { attempt, isInstance } = require('./attempt.cjs')
const { RECORD } = require('./child-protocol.cjs')
const { HIDDEN_NAME } = require('./compile.cjs')
const { detach } = require('./detach.cjs')
const { Buffer, Object, Promise, process, stringify } = require('./globals.cjs')
const { simplify, withArticle } = require('./json-value.cjs')
const { sendMessage } = require('./messages.cjs')
const { Refusal } = require('./refusal.cjs')

const { apply } = Reflect
const LONGEST_VALUE = 4 * 1024 * 1024 - 100

/** Calls an entry. It is looked for in the modules, and then it is the name at the top level. */
async function callEntry({ entry, args, kwargs }, modules, topLevelValue) {
  try {
    const named = Object.keys(kwargs).length > 0 ? [kwargs] : []
    const found = findEntry(entry, modules, topLevelValue)
    const value = await collectItems(await callDetached(found, [...args, ...named]))
    const simple = simplify(value, '', [])
    if (Buffer.byteLength(stringify(simple)) > LONGEST_VALUE) {
      throw new Refusal('value', 'the value is longer than 4 MiB of JSON')
    }
    sendMessage(RECORD, { type: 'value', value: simple })
  } catch (error) {
    if (!isInstance(Refusal, error)) throw error
    sendMessage(RECORD, { type: 'refusal', reason: error.reason, message: error.message })
    process.exitCode = 1
  }
}

/** Calls a function of the program from a job of V8, so that the stack has no frame of the agent. */
function callDetached(found, args) {
  return detach(Promise.resolve().then(apply.bind(undefined, found, undefined, args)))
}

function findEntry(name, modules, topLevelValue) {
  const module = modules.find((each) => Object.hasOwn(each ?? {}, name))
  const isWholeModule = name === 'main' && typeof modules.at(-1) === 'function'
  const found = module?.[name] ?? (isWholeModule ? modules.at(-1) : topLevelValue)
  if (found === undefined) throw new Refusal('entry', `there is no '${name}'`)
  if (typeof found === 'function') return found
  throw new Refusal('entry', `'${name}' is ${withArticle(typeof found)}, not a function`)
}

/** Code that assigns the value of a name at the top level, or '' if it is no name. */
function assignEntry({ entry }) {
  const value = `typeof ${entry} === 'undefined' ? undefined : ${entry}`
  const isName = /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u.test(entry)
  const canBeUsed =
    isName && attempt(() => vm.compileFunction(`'use strict'; async () => ${entry}`))
  return canBeUsed ? `\n;${HIDDEN_NAME} = ${value}` : ''
}

/** The items of a generator, asynchronous or not; another value as it is. */
async function collectItems(value) {
  if (!util.types.isGeneratorObject(value)) return value
  const items = []
  for await (const item of value) items.push(item)
  return items
}

module.exports = { assignEntry, callEntry }
