// The configuration of the agent, which is the argument of each of our processes (see protocol.md).
// Runs in the agent and in the processes that run programs.

const [configText = '{}'] = process.argv.slice(1)
const {
  workspace = '/workspace',
  preload = [],
  typescript = false,
  contextBytes = 64 * 1024 * 1024,
  pids,
} = JSON.parse(configText)

module.exports = { configText, workspace, preload, typescript, contextBytes, pids }
