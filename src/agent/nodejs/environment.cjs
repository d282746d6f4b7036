// The environment of programs, and the defaults for the settings of a request. Runs in the agent.

const { workspace } = require('./config.cjs')
const { absolutePath } = require('./paths.cjs')

const environment = { ...process.env, HOME: workspace, LANG: 'C.UTF-8' }

/** The working directory, the environment and the arguments of a program. */
function settingsOf({ cwd, env, args }) {
  const folder = cwd === undefined ? workspace : absolutePath(cwd)
  return { cwd: folder, env: { ...environment, ...env }, args: args ?? [] }
}

module.exports = { environment, settingsOf }
