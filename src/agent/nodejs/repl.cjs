// Code in V8's REPL mode: names that can be declared again, top-level await, the last value

const Module = require('node:module')
const path = require('node:path')
const vm = require('node:vm')

const builtin = require // what few runs need costs all of them, when it is there
const HIDDEN = '__sandbox'
const importModuleDynamically = vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER
/** What evaluated code reaches of ours, by a name that nobody sees. */
const hidden = {}
/** V8 ends the process where one of its own is collected: those of code that waits for ever. */
const unsettled = new Set()
let session

function connect() {
  if (session) return
  session = new (builtin('node:inspector').Session)()
  session.connect()
}

/** `import()` as that file has it: code that is evaluated has none. */
function prepareImport(file) {
  let load
  hidden.import = async (name, options, names = []) => {
    load ??= compile('(name, options) => import(name, options)', file).runInThisContext()
    const found = await load(name, options)
    const missing = names.find((each) => !(each in found))
    if (missing === undefined) return found
    const what = `The requested module '${name}' does not provide an export named '${missing}'`
    throw new SyntaxError(what)
  }
}

function compile(code, filename, options) {
  return new vm.Script(code, { filename, importModuleDynamically, ...options })
}

/** The value of the last expression. What the code throws is thrown. */
async function evaluate(code, file, start = (begin) => begin()) {
  connect()
  const expression = `${code}\n//# sourceURL=${file}`
  /** @type {Promise<object> | undefined} */
  let running
  let fault
  const stop = builtin('node:v8').promiseHooks.onInit((promise) => {
    stop()
    running = promise // the first is that of the code
    unsettled.add(promise)
  })
  try {
    start(() => {
      session.post('Runtime.evaluate', { expression, replMode: true }, (_, answer) => {
        fault = answer?.exceptionDetails
      })
    })
  } finally {
    stop() // an interrupt leaves it as well
  }
  if (fault) throw faultOfEvaluation(fault, file)
  try {
    const { '.repl_result': value } = await running
    return { value } // a promise is not for us to await
  } finally {
    unsettled.delete(running)
  }
}

/** What its parser found, and the others' had not. */
function faultOfEvaluation({ lineNumber, exception }, file) {
  const [, message] = /^SyntaxError: (.*)/.exec(exception.description) ?? []
  const error = new SyntaxError(message)
  error.stack = `${file}:${lineNumber + 1}\n\nSyntaxError: ${message}`
  return error
}

class Interrupted extends Error {
  constructor() {
    super('the run was stopped')
    this.stack = `${this.name}: ${this.message}`
  }

  get name() {
    return 'Interrupted'
  }
}

// Imports, without a parser: V8 says where they are

const OUTSIDE_A_MODULE = 'Cannot use import statement outside a module'
const BEYOND_ITS_END = "Unexpected token '}'"
const CLAUSE = /(?:\/\*[^]*?\*\/|\/\/.*|(?!\/[/*])[^'"])*?/.source
const NAME = /('[^'\n]+'|"[^"\n]+")/.source
const DECLARATION = new RegExp(
  `import\\b\\s*(?:(${CLAUSE})\\s*\\bfrom\\s*)?${NAME}(?:\\s*with\\s*(\\{[^}]*\\}))?`,
  'g',
)
/** Node shows no column beyond: the first import that follows it is the one. */
const FARTHEST_SHOWN = 1020
const COMMENTS = /\/\*[^]*?\*\/|\/\/.*/g
const IMPORT_CALL = /(?<!(?<!\.\.)\.|[\w$#])import(?=(?:\s|\/\*[^]*?\*\/|\/\/.*)*\()/g

/** Imports made into calls that work, on their lines. Throws where it is not such code. */
function withoutImports(code, file) {
  let text = code
  let head = 0 // imports that come late are put here: they come first
  for (let error = faultOf(text, file); error; error = faultOf(text, file)) {
    const next = error.message === OUTSIDE_A_MODULE && withoutDeclaration(text, error, head)
    if (!next) {
      const isOurs = error.message === BEYOND_ITS_END // what follows the code
      throw (isOurs && faultOf(code, file, ['', ''])) || error
    }
    ;[text, head] = next
  }
  return [...text.matchAll(IMPORT_CALL)].reduceRight((so, { index }) => {
    const [before, after] = [so.slice(0, index), so.slice(index + 'import'.length)]
    const replaced = `${before}${HIDDEN}.import${after}`
    const isCode = faultOf(`${before}#${after}`, file) && !faultOf(replaced, file)
    return isCode ? replaced : so // it may be in a string, a comment, or a method's name
  }, text)
}

/** Why it cannot be the body of an async function, or what it is in instead. */
function faultOf(text, file, [begin, end] = ['async () => {\n', '\n}']) {
  try {
    compile(begin + text + end, file, { lineOffset: begin === '' ? 0 : -1 })
    return undefined
  } catch (error) {
    return error
  }
}

function withoutDeclaration(text, { stack }, head) {
  const [, line, indent] = /:(\d+)\n.*(?:\n([ \t]*)\^)?/.exec(stack) ?? []
  const lines = text.split('\n').slice(0, line - 1)
  const start = lines.join('\n').length + (lines.length > 0 ? 1 : 0)
  DECLARATION.lastIndex = start + (indent?.length ?? FARTHEST_SHOWN)
  const match = DECLARATION.exec(text)
  if (!match) return undefined
  const { 0: whole, 1: clause = '', 2: name, 3: attributes, index } = match
  const names = clause.replace(COMMENTS, '').trim()
  const breaks = whole.replace(/[^\n]/g, '')
  const declared = declarationOf(names, name, attributes ? `{ with: ${attributes} }` : 'undefined')
  const isLate = text.slice(head, index).replace(COMMENTS, '').trim() !== ''
  const place = isLate ? head : index
  const begin = `${text.slice(0, place)}${declared};`
  const rest = `${text.slice(place, index)}${breaks}${text.slice(index + whole.length)}`
  return [begin + rest, begin.length]
}

function declarationOf(clause, name, options) {
  const [, byDefault, , rest] = /^([^{*,\s]*)(\s*,\s*)?([^]*)$/.exec(clause)
  const pairs = rest.startsWith('{')
    ? rest
        .slice(1, -1)
        .split(',')
        .filter((each) => each.trim())
    : []
  const named = pairs.map((pair) => pair.trim().split(/\s+as\s+/))
  if (byDefault) named.push(['default', byDefault])
  const wanted = stringify(named.map(([from]) => from))
  const load = `await ${HIDDEN}.import(${name}, ${options}, ${wanted})`
  const pattern = `{ ${named.map(([from, to = from]) => `${from}: ${to}`).join(', ')} }`
  const [, space] = /^\*\s*as\s+(\S+)$/.exec(rest) ?? []
  if (space) return `const ${space} = ${load}${byDefault ? `, ${pattern} = ${space}` : ''}`
  return `const ${pattern} = ${load}`
}
