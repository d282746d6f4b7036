// === require-main
console.log(require.main === module, module.id, module.parent, module.loaded, module.children.length)
console.log(module.filename === __filename, module.path === __dirname, process.mainModule === module)

// === require-keys-of-the-module
console.log(Object.keys(module), Object.keys(require), typeof require.resolve.paths)

// === require-names
console.log(__filename, __dirname, process.argv[1], require.resolve(__filename) === __filename)

// === require-arguments-of-the-module
console.log(arguments.length, arguments[0] === exports, arguments[1] === require, arguments[2] === module)

// === require-this-of-the-module
console.log(this === module.exports, this === globalThis)
this.a = 1
console.log(exports)

// === require-top-level-names-are-not-global
var one = 1
function two() {}
console.log('one' in globalThis, 'two' in globalThis, globalThis.one)

// === require-names-are-not-global
console.log(['require', 'module', 'exports', '__filename', '__dirname'].filter((name) => name in globalThis))
console.log(typeof require, new Function('return typeof require')())

// === require-return-at-the-top
console.log('before')
if (true) return
console.log('never')

// === require-of-helpers
const fs = require('node:fs')
fs.writeFileSync('helper.js', 'exports.who = module.parent?.filename\nexports.main = require.main.filename\n')
console.log(require('./helper'))

// === require-cache
const fs = require('node:fs')
fs.writeFileSync('helper.js', 'module.exports = Math.random()\n')
const first = require('./helper')
console.log(first === require('./helper'), Object.keys(require.cache).map((each) => each.split('/').at(-1)))
delete require.cache[require.resolve('./helper')]
console.log(first === require('./helper'))

// === require-of-itself
exports.value = 5
const self = require(__filename)
console.log(self === module.exports, self)

// === require-of-itself-from-a-helper
const fs = require('node:fs')
exports.value = 5
fs.writeFileSync('helper.js', 'exports.seen = require(process.argv[1]).value\n')
console.log(require('./helper').seen)

// === require-of-a-cycle
const fs = require('node:fs')
fs.writeFileSync('a.js', 'exports.done = false\nexports.b = require("./b").done\nexports.done = true\n')
fs.writeFileSync('b.js', 'exports.done = require("./a").done\n')
console.log(require('./a'), require('./b'))

// === require-of-json
const fs = require('node:fs')
fs.writeFileSync('data.json', '{"a": 1}')
console.log(require('./data'))
fs.writeFileSync('bad.json', '{"a": }')
require('./bad.json')

// === require-of-a-module
const fs = require('node:fs')
fs.writeFileSync('part.mjs', 'export const part = 1\nexport default 2\n')
console.log(require('./part.mjs'))

// === require-of-a-folder-and-a-package
const fs = require('node:fs')
fs.mkdirSync('folder')
fs.writeFileSync('folder/index.js', 'module.exports = "folder"')
fs.mkdirSync('node_modules/package/lib', { recursive: true })
fs.writeFileSync('node_modules/package/package.json', '{"main": "lib/main.js"}')
fs.writeFileSync('node_modules/package/lib/main.js', 'module.exports = "package"')
console.log(require('./folder'), require('package'))

// === require-paths
console.log(require.resolve.paths('x'), module.paths)

// === require-extensions
require.extensions['.txt'] = (module, name) => {
  module.exports = require('node:fs').readFileSync(name, 'utf8')
}
require('node:fs').writeFileSync('a.txt', 'text')
console.log(require('./a.txt'), Object.keys(require.extensions))

// === require-wrapped
const Module = require('node:module')
console.log(Module.wrap('x'), Module.isBuiltin('fs'), Module._cache === require.cache)
const load = Module._load
Module._load = (name, ...rest) => (name === 'virtual' ? 'a virtual module' : load(name, ...rest))
console.log(require('virtual'))

// === require-and-dynamic-import
import('node:path').then(({ sep }) => console.log(sep, sep === require('node:path').sep))

// === require-dynamic-import-that-fails
import('./missing.mjs').catch((error) => console.log(error.code, error.message))

// === require-sloppy-mode
console.log((function () { return this === globalThis })())
undeclared = 5
console.log(globalThis.undeclared, delete globalThis.undeclared)
with ({ inside: 1 }) console.log(inside)
var let_ = 010
console.log(let_)

// === require-declares-reserved-names
const name = 'name'
const status = 'status'
const top = 'top'
const Buffer = 'mine'
console.log(name, status, top, Buffer)

// === require-hides-globals
const process = { argv: 'mine' }
const console = { log: (text) => globalThis.console.log('mine', text) }
const Promise = 1
class Object {}
console.log(process.argv)

// === require-redeclares-require
const require = (name) => `my ${name}`
console.log(require('fs'))

// === require-redeclares-module-and-exports
var module = 5
var exports = 6
console.log(module, exports)

// === require-declares-filename
let __filename = 'mine'
const __dirname = 'mine, too'
console.log(__filename, __dirname)

// === require-globals
const names = Object.getOwnPropertyNames(globalThis).sort()
console.log(names.length, names.join(' '))

// === require-enumerable-globals
console.log(Object.keys(globalThis))

// === require-hoisting
console.log(typeof hoisted, typeof later)
function hoisted() {}
var later = 1
{
  function inBlock() {}
}
console.log(typeof inBlock)

// === require-functions-and-scopes
eval('var fromEval = 1')
console.log(fromEval, typeof globalThis.fromEval)
;(0, eval)('var fromIndirect = 2')
console.log(globalThis.fromIndirect)
const seen = new Function('return typeof local')
const local = 1
console.log(seen(), local)

// === require-html-comments
console.log('one') <!-- a comment
--> another comment
console.log('two')

// === require-with-a-shebang-in-a-helper
require('node:fs').writeFileSync('tool.js', '#!/usr/bin/env node\nmodule.exports = 1\n')
console.log(require('./tool'))

// === require-reads-itself
console.log(require('node:fs').readFileSync(__filename, 'utf8'))

// === require-an-object-at-the-end
{ a: 1 }

// === require-a-function-at-the-end
(function named() {})

// === require-a-promise-at-the-end
Promise.resolve(1).then(() => console.log('settled'))

// === require-a-thenable-at-the-end
({ then(resolve) { console.log('called'); resolve() } })

// === require-a-rejected-promise-at-the-end
Promise.reject(new TypeError('at the end'))

// === require-a-proxy-at-the-end
new Proxy({}, { get(target, name) { console.log('get', String(name)); return undefined } })

// === require-an-inspected-object-at-the-end
({ [Symbol.for('nodejs.util.inspect.custom')]() { throw new Error('in inspect') } })
