// Strips the types of TypeScript. Runs in the processes that run programs.

const Module = require('node:module')
const { attempt } = require('./attempt.cjs')
const { typescript } = require('./config.cjs')

/** The code as JavaScript, on the same lines. */
function stripTypes(code, file) {
  if (!typescript) return code
  try {
    return Module.stripTypeScriptTypes(code)
  } catch (error) {
    error.stack = file + error.stack.replace(/^(?!:)/, '\n')
    throw error
  }
}

/** Loads the parser before the first program, because that takes long. */
function loadTypeScript() {
  if (typescript) attempt(() => stripTypes('', ''))
}

module.exports = { loadTypeScript, stripTypes }
