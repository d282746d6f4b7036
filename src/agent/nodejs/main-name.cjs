// The names of the file that a program runs from. Runs in the agent and in the processes that run
// programs.

const { typescript, workspace } = require('./config.cjs')

const TEMPORARY = '/tmp'
const extension = typescript ? 'ts' : 'js'
const mainName = `main.${extension}`

/** The possible paths of the file. The first path that is free and can be written is used. */
function mainFilesOf(folder, pid) {
  const other = `main-${pid}.${extension}`
  const inFolder = folder.replace(/\/*$/, '/')
  return [inFolder + mainName, inFolder + other, `${workspace}/${other}`, `${TEMPORARY}/${other}`]
}

module.exports = { extension, mainFilesOf, mainName }
