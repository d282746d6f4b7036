import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { runtimes } from './places.js'

const INSPECTOR = path.join(import.meta.dirname, 'node_modules/.bin/mcp-inspector')
const SERVER = path.join(import.meta.dirname, '../../dist/src/cli/main.js')

describe.each(runtimes)('hono-sandbox mcp in the inspector of MCP, under %s', (runtime) => {
  /** Starts the server on stdin and stdout, and returns the result of one method. */
  const inspect = async (...call: string[]): Promise<unknown> => {
    const variables = [`SANDBOX_RUNTIME=${runtime}`, 'SANDBOX_POOL_SIZE=1']
    const environment = variables.flatMap((each) => ['-e', each])
    const args = ['--cli', process.execPath, SERVER, 'mcp', ...environment, '--method', ...call]
    const { stdout } = await promisify(execFile)(process.execPath, [INSPECTOR, ...args])
    return JSON.parse(stdout)
  }

  it('lists its tools and runs code', async () => {
    const names = ['run_code', 'exec', 'read_file', 'write_file', 'list_files']
    expect(await inspect('tools/list')).toMatchObject({
      tools: [...names, 'start_session', 'end_session'].map((name) => ({ name })),
    })
    const tool = ['--tool-name', 'run_code', '--tool-arg', 'language=python']
    expect(await inspect('tools/call', ...tool, '--tool-arg', 'code=print(6 * 7)')).toMatchObject({
      content: [{ type: 'text', text: '42' }],
      structuredContent: { exitCode: 0, stdout: '42\n' },
    })
  })
})
