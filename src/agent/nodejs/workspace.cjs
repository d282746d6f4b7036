// The agent's own files in the workspace: the link to the packages of the image, and the file of a
// program that was killed. Runs in the agent.

const fs = require('node:fs')
const { openRegular, unlink } = require('./file-system.cjs')
const { mainFilesOf } = require('./main-name.cjs')
const { absolutePath, encode } = require('./paths.cjs')
const { asNobody } = require('./rights.cjs')

const IMAGE_PACKAGES = '/app/node_modules'

function linkNodeModules() {
  try {
    if (fs.statSync(IMAGE_PACKAGES).isDirectory()) {
      asNobody(() => fs.symlinkSync(IMAGE_PACKAGES, absolutePath('node_modules')))
    }
  } catch {
    // The image has none, or the link exists.
  }
}

/** Removes the file of a program that was killed: the program could not do it. */
function removeMainFile(cwd, pid, code) {
  const remove = (file) => {
    try {
      return hasContent(file, Buffer.from(code)) && !unlink(file)
    } catch {
      return false // it does not exist, or is not the file of the program
    }
  }
  const [first, ...others] = mainFilesOf(cwd, pid)
  asNobody(() => [...others, first].some(remove)) // the first may be the user's, and be equal
}

function hasContent(path, bytes) {
  const fd = openRegular(encode(path), fs.constants.O_RDONLY)
  try {
    return fs.fstatSync(fd).size === bytes.length && fs.readFileSync(fd).equals(bytes)
  } finally {
    fs.closeSync(fd)
  }
}

module.exports = { linkNodeModules, removeMainFile }
