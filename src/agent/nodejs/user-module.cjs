// The surroundings of a program in its process: the working directory, the environment, and the
// variables of a module. Runs in the processes that run programs.

const Module = require('node:module')
const path = require('node:path')
const { prepareImport } = require('./compile.cjs')
const { Object, process } = require('./globals.cjs')

/** Without `env` the process has started with its environment. */
function applySettings({ cwd, env }) {
  process.chdir(cwd)
  if (env) setEnvironment(env)
  process.execArgv = []
}

function setEnvironment(env) {
  for (const name of Object.keys(process.env)) delete process.env[name]
  Object.assign(process.env, env)
  if (env.NODE_PATH) Module._initPaths()
}

/** Makes the variables of a module globals, because a script has no others. */
function prepareModule(file, isMain) {
  const module = new Module(file, null)
  const __dirname = path.dirname(file)
  module.filename = file
  module.paths = Module._nodeModulePaths(__dirname)
  Module._cache[file] = module
  process.mainModule = isMain ? module : undefined
  const variables = { module, exports: module.exports, require: Module.createRequire(file) }
  Object.assign(globalThis, variables, { __filename: file, __dirname })
  prepareImport(file)
  return module
}

module.exports = { applySettings, prepareModule }
