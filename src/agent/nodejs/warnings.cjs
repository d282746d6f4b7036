// Hides the warnings about functions of Node that our code uses. Runs in the processes that run
// programs.

const { process } = require('./globals.cjs')

const OUR_WARNINGS = /^(?:vm\.USE_MAIN_CONTEXT_DEFAULT_LOADER|stripTypeScriptTypes|Type Stripping) /

function hideOurWarnings() {
  const { emitWarning } = process
  process.emitWarning = (warning, ...rest) => {
    if (!OUR_WARNINGS.test(warning)) emitWarning.call(process, warning, ...rest)
  }
}

module.exports = { hideOurWarnings }
