import { toStandardJsonSchema } from '@valibot/to-json-schema'
import * as v from 'valibot'

const file = v.object({
  path: v.pipe(v.string(), v.description('The path relative to /workspace.')),
  size: v.pipe(v.number(), v.description('The size in bytes.')),
  mimeType: v.string(),
})

const ended = {
  exitCode: v.pipe(
    v.nullable(v.number()),
    v.description('null if a signal ended the program, or if it never started.'),
  ),
  signal: v.nullable(v.string()),
  killedBy: v.optional(
    v.pipe(
      v.picklist(['timeout', 'oom', 'pids', 'output', 'disk', 'abort', 'shutdown', 'crash']),
      v.description('Why the program was killed. Absent if it ended by itself.'),
    ),
  ),
  durationMs: v.number(),
  stdout: v.string(),
  stderr: v.string(),
  truncated: v.pipe(
    v.boolean(),
    v.description('Whether the middle of stdout or stderr is missing.'),
  ),
  files: v.pipe(
    v.array(
      v.object({
        ...file.entries,
        uri: v.optional(
          v.pipe(v.string(), v.description('The address of the file for resources/read.')),
        ),
      }),
    ),
    v.description('The files that the program wrote, the last one first.'),
  ),
  omittedFiles: v.pipe(
    v.number(),
    v.description('The number of further files that the program wrote.'),
  ),
}

const execResult = v.object(ended)

const codeResult = v.object({
  ...ended,
  text: v.optional(v.pipe(v.string(), v.description('The value of the last expression.'))),
  error: v.optional(
    v.pipe(
      v.object({ name: v.string(), message: v.string(), traceback: v.string() }),
      v.description('The error that the code threw and did not catch.'),
    ),
  ),
  context: v.optional(
    v.pipe(
      v.picklist(['kept', 'lost']),
      v.description('Whether the session still has its variables. Its files stay in any case.'),
    ),
  ),
  results: v.pipe(
    v.array(v.object({ mimeType: v.string(), text: v.optional(v.string()) })),
    v.description('The further values that the code displayed. Images are in the content.'),
  ),
})

const readResult = v.object({
  ...file.entries,
  text: v.optional(
    v.pipe(v.string(), v.description('The text. A binary file is in the content instead.')),
  ),
  nextOffset: v.optional(
    v.pipe(v.number(), v.description('The offset of the next part; absent at the end.')),
  ),
})

/** The structured content of the result of `run_code`. */
export type CodeContent = v.InferOutput<typeof codeResult>
/** The structured content of the result of `exec`. */
export type ExecContent = v.InferOutput<typeof execResult>
/** The structured content of the result of `read_file`. */
export type ReadContent = v.InferOutput<typeof readResult>

/** The schemas of the structured content of the tools. */
export const OUTPUTS = {
  startSession: toStandardJsonSchema(
    v.object({
      session: v.string(),
      language: v.string(),
      idleMs: v.pipe(v.number(), v.description('The session ends after this time without a call.')),
      ttlMs: v.pipe(v.number(), v.description('The session ends at this age.')),
    }),
  ),
  endSession: toStandardJsonSchema(
    v.object({ ended: v.pipe(v.boolean(), v.description('false if there was no such session.')) }),
  ),
  runCode: toStandardJsonSchema(codeResult),
  exec: toStandardJsonSchema(execResult),
  readFile: toStandardJsonSchema(readResult),
  writeFile: toStandardJsonSchema(v.object({ path: v.string(), size: v.number() })),
  listFiles: toStandardJsonSchema(
    v.object({
      entries: v.array(
        v.object({
          path: v.pipe(v.string(), v.description('The path relative to the folder.')),
          type: v.picklist(['file', 'directory', 'symlink', 'other']),
          size: v.number(),
        }),
      ),
      omitted: v.pipe(v.number(), v.description('The number of entries that are not listed.')),
    }),
  ),
}
