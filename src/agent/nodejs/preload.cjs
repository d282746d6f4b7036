// Loads the modules that the pool is configured with, before the first task. Runs in the processes
// that run programs.

const Module = require('node:module')
const util = require('node:util')
const { FAILED, READY } = require('./child-protocol.cjs')
const { hidden } = require('./compile.cjs')
const { preload, workspace } = require('./config.cjs')
const { sendMessage } = require('./messages.cjs')

const LONGEST_MESSAGE = 1000
/** The errors of `require` for a package that can only be imported. */
const IMPORT_ONLY = new Set([
  'ERR_REQUIRE_ESM',
  'ERR_REQUIRE_ASYNC_MODULE',
  'ERR_PACKAGE_PATH_NOT_EXPORTED',
])

/** Loads all modules, and tells the agent whether that succeeded. */
async function loadModules() {
  const requireInWorkspace = Module.createRequire(`${workspace}/`)
  for (const name of preload) {
    try {
      await loadModule(name, requireInWorkspace)
    } catch (error) {
      const isError = util.types.isNativeError(error)
      const text = isError ? `${error.name}: ${error.message}` : util.inspect(error)
      const [message] = text.split('\n', 1)
      return sendMessage(FAILED, { preload: name, message: message.slice(0, LONGEST_MESSAGE) })
    }
  }
  sendMessage(READY, {})
}

async function loadModule(name, requireInWorkspace) {
  try {
    requireInWorkspace(name)
  } catch (error) {
    if (!IMPORT_ONLY.has(error?.code)) throw error
    await hidden.import(name)
  }
}

module.exports = { loadModules }
