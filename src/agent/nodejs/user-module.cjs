// The surroundings of a program in its process: the working directory, the environment, and the
// variables of its module. Runs in the processes that run programs.

const Module = require('node:module')
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

/** Makes the CommonJS module of a file. Returns the variables that its code has. */
function makeModule(file, isMain) {
  const module = new Module(file, null)
  if (isMain) module.id = '.'
  module.filename = file
  module.paths = Module._nodeModulePaths(module.path)
  Module._cache[file] = module
  process.mainModule = isMain ? module : undefined
  const require = module._compile('return require', file) // Node gives no other access to it
  return { exports: module.exports, require, module, __filename: file, __dirname: module.path }
}

/** Makes the variables of a module globals, because the code of a context has no others. */
function defineModuleVariables(file) {
  Object.assign(globalThis, makeModule(file, true))
  prepareImport(file)
}

module.exports = { applySettings, defineModuleVariables, makeModule }
