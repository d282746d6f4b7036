import { expect, it } from 'vitest'
import { mcpServer } from '../../../src/cli/mcp.js'

it.each([
  [['--languages', 'python'], "Unknown option '--languages'"],
  [['python'], "Unexpected argument 'python'"],
])('refuses the command line %j', async (args, problem) => {
  const lines: string[] = []
  expect(await mcpServer(args, { complain: (line) => lines.push(line) })).toBe(2)
  expect(lines).toEqual([expect.stringContaining(`error: ${problem}`)])
})

it('refuses a language that is not known', async () => {
  const lines: string[] = []
  const args = ['--language', 'cobol']
  expect(await mcpServer(args, { complain: (line) => lines.push(line) })).toBe(1)
  expect(lines).toEqual([expect.stringMatching(/^error: .*cobol/)])
})
