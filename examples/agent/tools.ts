import type { CodeResult, Sandbox } from 'hono-sandbox'
import { SandboxError } from 'hono-sandbox'
import * as v from 'valibot'
import type { Reply, ToolDescription } from './model.js'

const RUN_MS = 30_000
/**
 * The limit of an answer to the model: each word costs money, and a program can print without end.
 */
const MAX_TEXT_LENGTH = 4000

const RunPython = v.object({ code: v.string() })
const ReturnFile = v.object({ path: v.string() })

/** The descriptions of the tools that the model gets. */
export const TOOLS: readonly ToolDescription[] = [
  describe('run_python', 'code', 'Runs Python. Variables stay. Figures are files: use savefig().'),
  describe('return_file', 'path', 'Gives a file to the user.'),
]

/** The sandbox and the state that the tools of one task share. */
export interface Workbench {
  box: Sandbox
  /** The paths of the files that the model has given to the user. */
  returned: Set<string>
}

/**
 * Runs a tool that the model calls. Returns the text of an error, so that the model can correct its
 * call.
 */
export async function runTool(
  { function: { name, arguments: args } }: Reply['tool_calls'][number],
  workbench: Workbench,
): Promise<string> {
  const tool = Object.hasOwn(RUN, name) ? RUN[name] : undefined
  if (!tool) return `Error: there is no tool '${name}'`
  try {
    return await tool(args, workbench)
  } catch (error) {
    if (error instanceof SandboxError && !workbench.box.signal.aborted)
      return `Error: ${error.message}`
    throw error
  }
}

type Run = (args: string, workbench: Workbench) => Promise<string>

const RUN: Readonly<Record<string, Run>> = {
  async run_python(args, { box }) {
    const call = read(RunPython, args)
    if (!call) return 'Error: expected { "code": string }'
    const [context = await box.createCodeContext()] = box.listCodeContexts()
    const result = await box.runCode(call.code, { context, timeoutMs: RUN_MS })
    if (result.context === 'lost') await box.deleteCodeContext(context)
    return textOf(result)
  },
  async return_file(args, { box, returned }) {
    const call = read(ReturnFile, args)
    if (!call) return 'Error: expected { "path": string }'
    const { type } = await box.stat(call.path)
    if (type !== 'file') return `Error: this is a ${type}`
    returned.add(call.path)
    return 'The user has the file.'
  },
}

/** Returns the arguments that the model has written, or `undefined` if they are not valid. */
function read<Schema extends v.GenericSchema>(schema: Schema, args: string) {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), args)
  return parsed.success ? parsed.output : undefined
}

function textOf({ stdout, text, error, killedBy, context }: CodeResult): string {
  const parts = [
    stdout,
    text,
    error?.traceback,
    killedBy && `The run was ended: ${killedBy}`,
    context === 'lost' && 'The process has ended, and the variables are gone.',
  ]
  const whole = parts.filter(Boolean).join('\n') || 'The code has no output.'
  return whole.length > MAX_TEXT_LENGTH ? `${whole.slice(0, MAX_TEXT_LENGTH)} ...` : whole
}

function describe(name: string, field: string, description: string): ToolDescription {
  const properties = { [field]: { type: 'string' } }
  const parameters = { type: 'object', properties, required: [field] }
  return { type: 'function', function: { name, description, parameters } }
}
