// Removes the globals of `node -e` that a script does not have. Runs in the processes that run
// programs.

const Module = require('node:module')

/** `node -e` has every module as a global of its name. A script has these, too. */
const KEPT = new Set(['console', 'crypto', 'process'])
const MODULES = Module.builtinModules.filter((name) => !KEPT.has(name))
const NAMES = ['require', 'exports', '__filename', '__dirname', ...MODULES]

function removeEvalGlobals() {
  for (const name of NAMES) delete globalThis[name]
}

module.exports = { removeEvalGlobals }
