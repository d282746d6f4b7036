// The environment of programs, and the defaults for the settings of a request. Runs in the agent.

const { workspace } = require('./config.cjs')
const { absolutePath } = require('./paths.cjs')
const { USER_NAME, hasOwnUser } = require('./rights.cjs')

const userNames = hasOwnUser && { USER: USER_NAME, LOGNAME: USER_NAME }
const environment = { ...process.env, HOME: workspace, LANG: 'C.UTF-8', ...userNames }

/** The working directory, the environment and the arguments of a program. */
function settingsOf({ cwd, env, args }) {
  const folder = cwd === undefined ? workspace : absolutePath(cwd)
  return { cwd: folder, env: { ...environment, ...env }, args: args ?? [] }
}

/** The names that Node and the libraries in its process read only when the process starts. */
const READ_AT_START = /^(?:NODE_|UV_|OPENSSL_|SSL_CERT_|LC_|LANG$|LD_|MALLOC_|GLIBC_TUNABLES$)/
/** Node reads these later, or the runner has Node read them again. */
const LIVE = new Set(['NODE_ENV', 'NODE_PATH', 'NODE_TLS_REJECT_UNAUTHORIZED'])

/** Whether one of the variables would have no effect in a spare. */
function needNewProcess(variables) {
  return Object.entries(variables ?? {}).some(
    ([name, value]) =>
      READ_AT_START.test(name) && !LIVE.has(name) && value !== (environment[name] ?? ''),
  )
}

module.exports = { environment, needNewProcess, settingsOf }
