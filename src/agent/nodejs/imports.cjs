// Rewrites the imports of a program into calls of `hidden.import`, so that it can be evaluated as a
// script. There is no parser: the errors of V8 tell the places of the imports. Runs in the
// processes that run programs.

const { HIDDEN_NAME, compile } = require('./compile.cjs')
const { stringify } = require('./globals.cjs')

const OUTSIDE_A_MODULE = 'Cannot use import statement outside a module'
const UNEXPECTED_BRACE = "Unexpected token '}'"
const CLAUSE = /(?:\/\*[^]*?\*\/|\/\/.*|(?!\/[/*])[^'"])*?/.source
const NAME = /('[^'\n]+'|"[^"\n]+")/.source
const DECLARATION = new RegExp(
  `import\\b\\s*(?:(${CLAUSE})\\s*\\bfrom\\s*)?${NAME}(?:\\s*with\\s*(\\{[^}]*\\}))?`,
  'g',
)
/** Node shows no column after this one. The import is the first that follows it. */
const LAST_SHOWN_COLUMN = 1020
const COMMENTS = /\/\*[^]*?\*\/|\/\/.*/g
const IMPORT_CALL = /(?<!(?<!\.\.)\.|[\w$#])import(?=(?:\s|\/\*[^]*?\*\/|\/\/.*)*\()/g
const ASYNC_FUNCTION = { begin: 'async () => {\n', end: '\n}', lineOffset: -1 }
const SCRIPT = { begin: '', end: '', lineOffset: 0 }

/** The code with its imports rewritten, on the same lines. Throws if it cannot be evaluated. */
function withoutImports(code, file) {
  let text = code
  let headEnd = 0 // imports that follow other code are moved here, because imports come first
  for (let error = errorOf(text, file); error; error = errorOf(text, file)) {
    const next = error.message === OUTSIDE_A_MODULE && withoutDeclaration(text, error, headEnd)
    if (!next) {
      const isOurBrace = error.message === UNEXPECTED_BRACE // the brace that follows the code
      throw (isOurBrace && errorOf(code, file, SCRIPT)) || error
    }
    ;[text, headEnd] = next
  }
  return [...text.matchAll(IMPORT_CALL)].reduceRight((result, { index }) => {
    const before = result.slice(0, index)
    const after = result.slice(index + 'import'.length)
    const replaced = `${before}${HIDDEN_NAME}.import${after}`
    // The word may be in a string or a comment, or be the name of a method.
    const isImport = errorOf(`${before}#${after}`, file) && !errorOf(replaced, file)
    return isImport ? replaced : result
  }, text)
}

/** Why a text cannot be the body of an async function, or stand in another frame of code. */
function errorOf(text, file, { begin, end, lineOffset } = ASYNC_FUNCTION) {
  try {
    compile(begin + text + end, file, { lineOffset })
    return undefined
  } catch (error) {
    return error
  }
}

/** The text without the import declaration of an error, and the new end of its head. */
function withoutDeclaration(text, { stack }, headEnd) {
  const [, line, indent] = /:(\d+)\n.*(?:\n([ \t]*)\^)?/.exec(stack) ?? []
  const lines = text.split('\n').slice(0, line - 1)
  const lineStart = lines.join('\n').length + (lines.length > 0 ? 1 : 0)
  DECLARATION.lastIndex = lineStart + (indent?.length ?? LAST_SHOWN_COLUMN)
  const match = DECLARATION.exec(text)
  if (!match) return undefined
  const { 0: whole, 1: clause = '', 2: name, 3: attributes, index } = match
  const names = clause.replace(COMMENTS, '').trim()
  const lineBreaks = whole.replace(/[^\n]/g, '')
  const options = attributes ? `{ with: ${attributes} }` : 'undefined'
  const isLate = text.slice(headEnd, index).replace(COMMENTS, '').trim() !== ''
  const place = isLate ? headEnd : index
  const head = `${text.slice(0, place)}${declarationOf(names, name, options)};`
  const rest = `${text.slice(place, index)}${lineBreaks}${text.slice(index + whole.length)}`
  return [head + rest, head.length]
}

/** The declaration that has the effect of an import. */
function declarationOf(clause, name, options) {
  const [, defaultName, , rest] = /^([^{*,\s]*)(\s*,\s*)?([^]*)$/.exec(clause)
  const pairs = rest.startsWith('{')
    ? rest
        .slice(1, -1)
        .split(',')
        .filter((each) => each.trim())
    : []
  const named = pairs.map((pair) => pair.trim().split(/\s+as\s+/))
  if (defaultName) named.push(['default', defaultName])
  const exported = stringify(named.map(([from]) => from))
  const load = `await ${HIDDEN_NAME}.import(${name}, ${options}, ${exported})`
  const pattern = `{ ${named.map(([from, to = from]) => `${from}: ${to}`).join(', ')} }`
  const [, namespace] = /^\*\s*as\s+(\S+)$/.exec(rest) ?? []
  if (namespace) {
    return `const ${namespace} = ${load}${defaultName ? `, ${pattern} = ${namespace}` : ''}`
  }
  return `const ${pattern} = ${load}`
}

module.exports = { withoutImports }
