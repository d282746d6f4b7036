import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import * as v from 'valibot'
import type { Sandbox } from 'hono-sandbox'
import type { AgentName } from '../../src/languages/built-in.js'
import { root } from './docs.js'

/** A small program, which runs by the plain interpreter and by `runCode`. */
export interface Program {
  name: string
  /** The file that the plain interpreter runs. `runCode` chooses a name of its own. */
  file: string
  code: string
  language: 'python' | 'nodejs' | 'typescript'
  args: readonly string[]
  env: Record<string, string>
  stdin: string
}

/** What a run of a program showed and left. */
export interface Outcome {
  exitCode: number | null
  signal: string | null
  stdout: string
  stderr: string
  /** The type, mode, size and content of each file, by its path. */
  files: Record<string, string>
}

/** The options of a program, in the line above it. */
const Options = v.strictObject({
  args: v.optional(v.array(v.string()), []),
  env: v.optional(v.record(v.string(), v.string()), {}),
  stdin: v.optional(v.string(), ''),
  newline: v.optional(v.string(), '\n'),
})

const HEADING = /^(?:#|\/\/) === (.*)\n/m
/** The file of a program itself, what a preload leaves, and bytecode, which contains the time. */
const OWN_FILES = /^main(?:-\d+)?\.\w+$|(?:^|\/)__pycache__|^\.matplotlib$/

/** Returns the programs in the files of `test/differential`, in the order of the files. */
export function programsOf(agent: AgentName): Program[] {
  const folder = path.join(root, 'test/differential', agent)
  return readdirSync(folder)
    .sort()
    .flatMap((name) => programsIn(path.join(folder, name), agent))
}

function programsIn(name: string, agent: AgentName): Program[] {
  const extension = path.extname(name)
  const [, ...parts] = readFileSync(name, 'utf8').split(HEADING)
  const programs: Program[] = []
  for (let at = 0; at < parts.length; at += 2) {
    const [, name = '', json = '{}'] = /^(\S+) ?(.*)$/.exec(parts[at] ?? '') ?? []
    const { newline, ...options } = v.parse(Options, JSON.parse(json || '{}'))
    const code = `${parts[at + 1]?.trimEnd()}\n`.replaceAll('\n', newline)
    const language = extension === '.ts' ? 'typescript' : agent
    programs.push({ name, file: `/workspace/main${extension}`, code, language, ...options })
  }
  return programs
}

/** Runs a program by the plain interpreter, as a process of the same container. */
export async function runPlain(sandbox: Sandbox, program: Program): Promise<Outcome> {
  await sandbox.writeFile(program.file, program.code)
  const interpreter = program.language === 'python' ? 'python3' : 'node'
  const { env, stdin } = program
  const handle = sandbox.exec([interpreter, program.file, ...program.args], { env, stdin })
  return outcomeOf(sandbox, await handle)
}

export async function runByRunCode(sandbox: Sandbox, program: Program): Promise<Outcome> {
  const { args, env, stdin } = program
  return outcomeOf(sandbox, await sandbox.runCode(program.code, { args, env, stdin }))
}

type Ending = Omit<Outcome, 'files'>

async function outcomeOf(sandbox: Sandbox, ending: Ending): Promise<Outcome> {
  const { exitCode, signal, stdout, stderr } = ending
  const files = { ...(await filesIn(sandbox, '/workspace')), ...(await filesIn(sandbox, '/tmp')) }
  return { exitCode, signal, stdout: comparable(stdout), stderr: comparable(stderr), files }
}

async function filesIn(sandbox: Sandbox, folder: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {}
  for (const entry of await sandbox.listFiles(folder, { recursive: true })) {
    if (OWN_FILES.test(entry.path)) continue
    const file = `${folder}/${entry.path}`
    const content =
      entry.type === 'file' ? (await sandbox.readFile(file)).toString('latin1') : undefined
    const facts = [entry.type, entry.mode.toString(8), entry.size, content]
    files[file] = facts.filter((fact) => fact !== undefined).join(' ')
  }
  return files
}

/** The parts of a text that must differ, and their replacement. */
const DIFFERING: readonly (readonly [RegExp, string])[] = [
  [/\b0x[0-9a-f]{6,}/g, '0x…'],
  [/\(node:\d+\)/g, '(node:…)'],
  [/\bmain\.[mc]?[jt]s\b/g, 'main.js'],
  [/file:\/\/\/workspace\/main\.js/g, '/workspace/main.js'],
  // The frames of Node below those of a program are not the same, and have a place in the layout.
  [/\n *(?:at .*\bnode:.*|\.\.\. \d+ lines matching cause stack trace \.\.\.)/g, ''],
  [/\n +at (?:async )?new Promise \(<anonymous>\)/g, ''],
  [/\bat Object\.<anonymous> \((.*)\)/g, 'at $1'],
  [/^( +at .*) \{$/gm, '$1'],
  [/ \{(?=\n {2}code: 'ERR_)/g, ''],
]

function comparable(text: string): string {
  return DIFFERING.reduce((result, [pattern, to]) => result.replaceAll(pattern, to), text)
}
