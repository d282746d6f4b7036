// The names of the file that a program runs from. Runs in the agent and in the processes that run
// programs.

const { typescript } = require('./config.cjs')

const extension = typescript ? 'ts' : 'js'
const mainName = `main.${extension}`
/** The name if the program finds a file of the first name. */
const mainNameOf = (pid) => `main-${pid}.${extension}`

module.exports = { extension, mainName, mainNameOf }
