// === detected-script
console.log(typeof require, typeof module, this === module.exports)

// === detected-module-by-import
import { sep } from 'node:path'

console.log(sep, typeof require, this)

// === detected-module-by-export
export const a = 1
console.log(typeof require, this)

// === detected-module-by-await
const value = await 5
console.log(value, typeof module)

// === detected-module-by-meta
console.log(import.meta.filename)

// === detected-dynamic-import-only
import('node:path').then(({ sep }) => console.log(sep, typeof require))

// === detected-both-kinds
import { sep } from 'node:path'

const fs = require('node:fs')
console.log(sep, typeof fs)

// === detected-exports-and-export
exports.a = 1
export const b = 2

// === detected-await-and-require
const fs = require('node:fs')
await null
console.log(typeof fs)

// === detected-word-in-a-string
const text = 'import x from "y"; export default 1; await z'
console.log(text, typeof require)

// === detected-syntax-error
import { sep } from 'node:path'

const a = = 1

// === detected-module-that-redeclares-a-wrapper-name
const __filename = 'mine'
const module = await 5
console.log(__filename, module)

// === detected-module-that-redeclares-require
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
console.log(typeof require('node:fs').readFileSync)

// === detected-shebang
#!/usr/bin/env node
console.log('after a shebang')

// === detected-use-strict-module
'use strict'
import { sep } from 'node:path'

console.log(sep)

// === detected-return-at-the-top
console.log('one')
return

// === detected-empty


// === detected-byte-order-mark
﻿console.log('after a mark')

// === detected-package-of-modules
import { writeFileSync } from 'node:fs'

writeFileSync('package.json', '{"type": "module"}')
writeFileSync('part.js', 'export const part = 7')
console.log((await import('./part.js')).part)
