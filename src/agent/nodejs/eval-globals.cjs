// Removes what `node -e` has and a script does not have: globals, and the text of `-e`. Runs in the
// processes that run programs.

const Module = require('node:module')
const { process } = require('./globals.cjs')

/** `node -e` has every module as a global of its name. A script has these, too. */
const KEPT = new Set(['console', 'crypto', 'process'])
const MODULES = Module.builtinModules.filter((name) => !KEPT.has(name))
const NAMES = ['require', 'exports', '__filename', '__dirname', ...MODULES]

function removeEvalGlobals() {
  for (const name of NAMES) delete globalThis[name]
  delete process._eval
}

module.exports = { removeEvalGlobals }
