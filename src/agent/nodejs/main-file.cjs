// The file of a program. The program seldom runs from it, but workers, forks and code that reads it
// find it. Runs in the processes that run programs.

const fs = require('node:fs')
const { attempt } = require('./attempt.cjs')
const { Buffer, process } = require('./globals.cjs')
const { mainFilesOf } = require('./main-name.cjs')

/** Writes the file to the first place that is free and can be written. Returns its path. */
function writeMainFile(folder, code) {
  const files = mainFilesOf(folder, process.pid)
  const last = files.pop()
  for (const file of files) if (attempt(() => writeNew(file, code))) return file
  return writeNew(last, code)
}

function writeNew(file, code) {
  const fd = fs.openSync(file, 'wx')
  try {
    fs.writeFileSync(fd, code)
    return file
  } catch (error) {
    fs.unlinkSync(file) // the disk is full
    throw error
  } finally {
    fs.closeSync(fd)
  }
}

/** Removes the file. If the program has written to it, the file is the program's. */
function removeMainFile(file, code) {
  attempt(() => fs.readFileSync(file).equals(Buffer.from(code)) && fs.unlinkSync(file))
}

module.exports = { removeMainFile, writeMainFile }
