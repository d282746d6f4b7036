import { McpServer } from '@modelcontextprotocol/server'
import { addFileResources } from './file-resources.js'
import { addFileTools } from './file-tools.js'
import type { Host } from './host.js'
import { inputsOf } from './inputs.js'
import { addProgramTools } from './program-tools.js'
import { addSessionTools } from './session-tools.js'

/** The version of the tools: it changes if a tool changes. */
const VERSION = '1.0.0'

const INSTRUCTIONS = `Runs code in isolated containers.
For one run, call run_code without a session: it gets a new container, which is removed after it.
For several steps, call start_session once and pass its id as session to the other tools: files in
/workspace and the variables of code stay. Write input files with write_file. A result links the
files that a program wrote: read them with read_file. End the session with end_session.`

/** Makes the MCP server for one caller: for one HTTP request, or for a connection over stdio. */
export function createServer(host: Host): McpServer {
  const capabilities = { tools: { listChanged: false }, resources: { listChanged: false } }
  const server = new McpServer(
    { name: 'hono-sandbox', title: 'Sandbox', version: VERSION },
    { capabilities, instructions: INSTRUCTIONS },
  )
  const inputs = inputsOf(Object.keys(host.pool.stats()), host.bounds)
  addProgramTools(server, host, inputs)
  addFileTools(server, host, inputs)
  addSessionTools(server, host, inputs)
  addFileResources(server, host)
  if (host.client !== undefined) {
    server.server.setNotificationHandler('notifications/cancelled', ({ params }) => {
      if (params.requestId !== undefined) host.running.cancel(host, params.requestId)
    })
  }
  return server
}
