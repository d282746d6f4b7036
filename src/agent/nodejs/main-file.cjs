// The file of a program. The program does not run from it, but workers, forks and code that reads it
// find it. Runs in the processes that run programs.

const fs = require('node:fs')
const path = require('node:path')
const { process } = require('./globals.cjs')
const { mainName, mainNameOf } = require('./main-name.cjs')

/** Writes the file, in another folder if the first is not writable. Returns its path. */
function writeMainFile(folder, otherFolder, code) {
  try {
    return writeIn(folder, code)
  } catch (error) {
    if (!['EROFS', 'EACCES'].includes(error.code)) throw error
    return writeIn(otherFolder, code)
  }
}

function writeIn(folder, code) {
  try {
    return writeNew(path.join(folder, mainName), code)
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    return writeNew(path.join(folder, mainNameOf(process.pid)), code)
  }
}

function writeNew(file, code) {
  fs.writeFileSync(file, code, { flag: 'wx' })
  return file
}

function removeMainFile(file) {
  fs.rmSync(file, { force: true })
}

module.exports = { removeMainFile, writeMainFile }
