import type { CallToolResult } from '@modelcontextprotocol/server'
import type { CodeResult, ExecResult, KilledBy } from '../sandbox/program/result.js'
import { displayed } from './displayed.js'
import type { Images } from './images.js'
import type { LeftFiles } from './left-files.js'
import type { CodeContent, ExecContent } from './outputs.js'
import { uriOf } from './resource-uri.js'
import { shorten } from '../util/text.js'

type Block = CallToolResult['content'][number]

/** The files of a program, in addition to its result. */
export interface Left {
  /** The session that keeps the files; `undefined` if they are gone. */
  session: string | undefined
  files: LeftFiles
  images: Images
}

const KILLED: Readonly<Record<KilledBy, string>> = {
  timeout: 'its time limit was over. Make it faster, or name a greater timeoutMs.',
  oom: 'it needed more memory than its container has. Use less memory.',
  pids: 'it started too many processes or threads.',
  output: 'it wrote too much output. Print less, or write to a file.',
  disk: 'the disk of its container is full. Delete files, or write less.',
  abort: 'the call was cancelled, or the session ended.',
  shutdown: 'the server shuts down.',
  crash: 'its container ended. If it was in a session, start another one.',
}

/** Returns the structured content of a program that ended. */
export function execContent(result: ExecResult, left: Left, length: number): ExecContent {
  const { exitCode, signal, killedBy, durationMs, truncated } = result
  const stdout = shorten(result.stdout, length)
  const stderr = shorten(result.stderr, length)
  const isCut = stdout !== result.stdout || stderr !== result.stderr
  const { session, files } = left
  return {
    exitCode,
    signal,
    ...(killedBy && { killedBy }),
    durationMs,
    stdout,
    stderr,
    truncated: truncated || isCut,
    files: files.files.map((file) =>
      session === undefined ? file : { ...file, uri: uriOf(session, file.path) },
    ),
    omittedFiles: files.omitted,
  }
}

/** Returns the structured content of code that ended. */
export function codeContent(result: CodeResult, left: Left, length: number): CodeContent {
  const { text, error, context } = result
  return {
    ...execContent(result, left, length),
    ...(text !== undefined && { text: shorten(text, length) }),
    ...(context && { context }),
    ...(error && {
      error: {
        name: shorten(error.name, length),
        message: shorten(error.message, length),
        traceback: shorten(error.traceback, length),
      },
    }),
    results: displayed(result.results, length),
  }
}

/** Returns the result of a tool that ran a program: text for the model, images and links. */
export function programResult(content: ExecContent & Partial<CodeContent>, left: Left) {
  const text = textFor(content, left)
  const blocks: Block[] = [...left.images.shown]
  if (text !== '') blocks.unshift({ type: 'text', text })
  else if (blocks.length === 0) blocks.push({ type: 'text', text: '[no output, exit code 0]' })
  for (const { uri, path, mimeType, size } of content.files) {
    if (uri !== undefined) blocks.push({ type: 'resource_link', uri, name: path, mimeType, size })
  }
  return { content: blocks, structuredContent: content }
}

function textFor(content: ExecContent & Partial<CodeContent>, left: Left): string {
  const { stdout, stderr, text, results = [], exitCode, signal, files, omittedFiles } = content
  const parts = [stdout.trimEnd()]
  if (stderr !== '') parts.push(`[stderr]\n${stderr.trimEnd()}`)
  for (const result of results) if (result.text !== undefined) parts.push(result.text)
  if (text !== undefined) parts.push(`[value]\n${text}`)
  if (content.killedBy)
    parts.push(`[killed: ${content.killedBy}] The program was ended: ${KILLED[content.killedBy]}`)
  else if (exitCode !== 0)
    parts.push(`[${exitCode === null ? `signal ${signal}` : `exit code ${exitCode}`}]`)
  if (content.context === 'lost') parts.push('[the variables of the session are lost]')
  if (files.length > 0) {
    const names = files.map(({ path, size }) => `${path} (${size} bytes)`)
    if (omittedFiles > 0) names.push(`${omittedFiles} more`)
    if (left.session === undefined) {
      names.push('The files are gone with the container. A session keeps its files.')
    }
    parts.push(`[files]\n${names.join('\n')}`)
  }
  if (left.images.omitted > 0) parts.push(`[${left.images.omitted} images were left out]`)
  return parts.filter((part) => part !== '').join('\n')
}
