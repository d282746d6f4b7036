// Runs the code of a program as a module: CommonJS, or else an ES module. Node calls the code, so that
// no frame of the agent is on its stack. Runs in the processes that run programs.

const fs = require('node:fs')
const Module = require('node:module')
const { pathToFileURL } = require('node:url')
const vm = require('node:vm')
const { hidden, prepareImport, withImport } = require('./compile.cjs')
const { detach } = require('./detach.cjs')
const { Object, process } = require('./globals.cjs')
const { replaceMainFile } = require('./main-file.cjs')
const { makeModule } = require('./user-module.cjs')

const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor
const MODULE_ERROR =
  /^Cannot use (?:import statement|'import\.meta') outside a module|^Unexpected token 'export'/
const VARIABLES = ['exports', 'require', 'module', '__filename', '__dirname']

/** The code as the function of a CommonJS module. */
function compileCommonJs(code, filename, lineOffset) {
  return vm.compileFunction(code, VARIABLES, { filename, lineOffset, ...withImport })
}

/** Whether code that is no CommonJS module because of an error is an ES module. */
function isModule(code, error) {
  if (MODULE_ERROR.test(error.message)) return true
  try {
    return AsyncFunction(code) !== undefined // it has an `await` at the top level
  } catch (later) {
    return MODULE_ERROR.test(later.message)
  }
}

/** Runs the function of a CommonJS module soon. Returns the module. */
function runCommonJs(run, file, isMain) {
  const variables = makeModule(file, isMain)
  const { exports, module } = variables
  process.nextTick(run.bind(exports, ...VARIABLES.map((name) => variables[name])))
  process.nextTick(() => (module.loaded = true))
  return module
}

/** Runs an ES module as the main module soon. */
function runMainModule(code, file) {
  replaceSource(code, file)
  process.nextTick(Module.runMain)
}

function importModule(code, file) {
  replaceSource(code, file)
  prepareImport(file)
  return detach(hidden.import(pathToFileURL(file).href))
}

/** Gives Node the code in place of that in the file. An old Node can only read it in the file. */
function replaceSource(source, file) {
  if (!Module.registerHooks) return replaceMainFile(file, source)
  const main = pathToFileURL(fs.realpathSync(file)).href
  const hooks = Module.registerHooks({
    load(url, context, next) {
      if (url !== main) return next(url, context)
      // The loader of CommonJS modules asks first.
      if (context.conditions.includes('import')) hooks.deregister()
      return { format: 'module', source, shortCircuit: true }
    },
  })
}

module.exports = { compileCommonJs, importModule, isModule, runCommonJs, runMainModule }
