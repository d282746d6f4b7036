// The file of a program. The program does not run from it, but workers, forks and code that reads it
// find it. Runs in the processes that run programs.

const fs = require('node:fs')
const { attempt } = require('./attempt.cjs')
const { Buffer, process } = require('./globals.cjs')
const { mainFilesOf } = require('./main-name.cjs')

/** What we have written to the file. */
let content

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
    content = code
    return file
  } catch (error) {
    fs.unlinkSync(file) // the disk is full
    throw error
  } finally {
    fs.closeSync(fd)
  }
}

/** Replaces the code in the file. */
function replaceMainFile(file, code) {
  fs.writeFileSync(file, code)
  content = code
}

/** Removes the file. If the program has written to it, or it is a pipe now, it is the program's. */
function removeMainFile(file) {
  const flag = fs.constants.O_RDONLY | fs.constants.O_NONBLOCK
  attempt(() => fs.readFileSync(file, { flag }).equals(Buffer.from(content)) && fs.unlinkSync(file))
}

module.exports = { removeMainFile, replaceMainFile, writeMainFile }
