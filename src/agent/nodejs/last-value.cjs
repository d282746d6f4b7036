// Finds the last expression of a program, so that its value can be shown. There is no parser: lines and
// their indentation tell where statements may begin, and V8 tells whether they do. Few regular
// expressions are used, because V8 takes longer to compile one than to look at a short program. Runs in
// the processes that run programs.

const { Object, Set } = require('./globals.cjs')

const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor
/** How many texts V8 compiles at most for the expression, and for the statement before it. */
const MOST_STARTS = 16
const MOST_CHUNKS = 8
/** Only the end of a longer line is looked at. */
const LONGEST_LINE = 1000
/** An expression that has no value, and is the last one of most programs. */
const PRINT = 'console.log('
/** The first words of statements that are no expressions. */
const STATEMENTS = new Set(
  'break catch class const continue do else export finally for function if import let return switch throw try var while with'.split(
    ' ',
  ),
)
/** Characters with which no expression begins. */
const CONTINUATION = ')]},.;:?=*%&|^<>'
/** An import or export without an expression. */
const NO_CODE = /^(?:import|export)\b[^(=]*(?:['"](?:\s*with\s*\{[^}]*\})?|\})[\s;]*$/

/**
 * The place where the last expression is passed on. The end of the code is the place for an
 * `instanceof`, any other place is that for an assignment. An error of the code seldom shows it: no line
 * moves, and few columns. `undefined` if the code does not end with an expression.
 */
function placeOfLast(code) {
  const first = code.length - code.trimStart().length
  const base = code.slice(code.lastIndexOf('\n', first) + 1, first)
  const ends = new Set([code.length, endOfCode(code, code.length)])
  const texts = (start) => [...ends].map((end) => withoutEnd(code.slice(start, end)))
  let tries = 0
  for (const start of startsFromEnd(code, base)) {
    if (code.startsWith(PRINT, start)) return undefined
    if (CONTINUATION.includes(code[start])) continue
    if (++tries > MOST_STARTS) return undefined
    const text = texts(start).find((each) => compiles(`0 ? ${each}\n: 0`))
    if (text === undefined) continue
    const place = placeBefore(code, base, start)
    if (place === undefined) continue
    const isHidden = code[place - 1] === '\n' && place < start // it has a line of its own
    return !isHidden && mayHaveInstance(code, start, text) ? code.length : place
  }
  return undefined
}

/** The places where the last statement may begin, from the end of the code. */
function* startsFromEnd(code, base) {
  const ends = new Map()
  let last = code.length
  for (const [lineStart, lineEnd] of linesFromEnd(code, code.length)) {
    const isLast = last === code.length
    const line = code.slice(lineStart, lineEnd)
    if (line.trim() === '' || !(isLast || hasIndentation(line, base))) continue
    for (let at = lineEnd; at >= lineStart; at--) {
      if (at < lineEnd - LONGEST_LINE) at = lineStart
      if (at > lineStart && code[at - 1] !== ';' && code[at - 1] !== '}') continue
      const start = skipSpace(code, at, ends)
      if (start >= last) continue
      last = start
      if (!beginsStatement(code, start)) yield start
      else if (at === lineStart) return
    }
  }
}

function beginsStatement(code, start) {
  let end = start
  while (code[end] >= 'a' && code[end] <= 'z') end++
  const word = code.slice(start, end)
  const next = code[skipSpace(code, end)]
  if (word === '') return next === '{'
  if (word === 'async') return code.startsWith('function', skipSpace(code, end))
  return (
    STATEMENTS.has(word) &&
    !isPartOfName(code[end]) &&
    !(word === 'import' && (next === '(' || next === '.'))
  )
}

const isPartOfName = (character) => character !== undefined && /[\w$]/.test(character)

/** Whether `instanceof` can follow the code, and has the whole last expression as its operand. */
function mayHaveInstance(code, start, text) {
  const end = endOfCode(code, code.length)
  const isLast = start + text.length === end || start + text.length === code.trimEnd().length
  const operand = text.replace(/^await\b/, '')
  return isLast && compiles(`(class extends ${operand}\n{})`)
}

/** The place after the statement before `start`. `undefined` if no statement ends there. */
function placeBefore(code, base, start) {
  const end = endOfCode(code, start)
  const gap = code.slice(end, start)
  const isInComment = gap.lastIndexOf('//') > gap.lastIndexOf('\n')
  if (end === 0) return isInComment ? undefined : 0
  for (const each of new Set([end, code.slice(0, start).trimEnd().length])) {
    const statements = statementsBefore(code, base, each)
    if (statements === undefined) continue
    const isJoined = mayJoin(code, start) && compiles(`${statements}\n*1`)
    if (isJoined || (isInComment && each === end)) return undefined
    if (each !== end || skipSpace(gap, 0) < gap.length) return start
    const lineEnd = gap.indexOf('\n')
    const hasLines =
      gap.indexOf('\n', lineEnd + 1) > lineEnd && !gap.slice(0, lineEnd).includes('/*')
    return hasLines ? end + lineEnd + 1 : end
  }
  return undefined
}

/** Whether an expression may continue the statement before it. */
function mayJoin(code, start) {
  const character = code[start]
  return '([`/'.includes(character) || ('+-'.includes(character) && code[start + 1] !== character)
}

/** Complete statements that end at `end`, as the text of a function, or `undefined`. */
function statementsBefore(code, base, end) {
  let tries = 0
  for (const [lineStart, lineEnd] of linesFromEnd(code, end)) {
    const line = code.slice(lineStart, lineEnd)
    const begins = hasIndentation(line, base) && !CONTINUATION.includes(line[base.length])
    if (lineStart > 0 && !begins) continue
    if (++tries > MOST_CHUNKS) return undefined
    const text = code.slice(skipSpace(code, lineStart), end)
    if (compiles(text)) return text
    if (NO_CODE.test(text)) return ';'
    const exported = text.replace(/^export\s+(default\b)?/, (_, name) => (name ? '_ =' : ''))
    if (exported !== text && compiles(exported)) return exported
  }
  return undefined
}

function* linesFromEnd(code, end) {
  for (let lineEnd = end; lineEnd >= 0;) {
    const lineStart = lineEnd === 0 ? 0 : code.lastIndexOf('\n', lineEnd - 1) + 1
    yield [lineStart, lineEnd]
    lineEnd = lineStart - 1
  }
}

const hasIndentation = (line, base) =>
  line.startsWith(base) && line.length - line.trimStart().length === base.length

/** The end of the code before `end`, without comments. A string may contain what looks like one. */
function endOfCode(code, end) {
  for (let comment = end; ;) {
    const text = code.slice(0, comment).trimEnd()
    const lineStart = text.lastIndexOf('\n') + 1
    comment = text.endsWith('*/') ? text.lastIndexOf('/*') : text.indexOf('//', lineStart)
    if (comment < 0) return text.length
  }
}

/**
 * The end of the white space and the comments that begin at an index. `ends` has that of comments that
 * were skipped before: long comments are not read again from each of their lines.
 */
function skipSpace(code, index, ends = new Map()) {
  const comments = []
  let at = skipWhite(code, index)
  for (;;) {
    const close = code.startsWith('//', at) ? '\n' : code.startsWith('/*', at) ? '*/' : undefined
    if (close === undefined || ends.has(at)) break
    comments.push(at)
    const end = code.indexOf(close, at)
    at = end < 0 ? code.length : skipWhite(code, end + close.length)
  }
  const end = ends.get(at) ?? at
  for (const comment of comments) ends.set(comment, end)
  return end
}

const skipWhite = (code, index) => code.length - code.slice(index).trimStart().length

function withoutEnd(text) {
  let trimmed = text.trimEnd()
  while (trimmed.endsWith(';')) trimmed = trimmed.slice(0, -1).trimEnd()
  return trimmed
}

/** Whether a text can be the body of an async function. */
function compiles(text) {
  try {
    return AsyncFunction(text.replaceAll('import.meta', '_')) !== undefined
  } catch {
    return false
  }
}

module.exports = { placeOfLast }
