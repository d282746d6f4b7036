import { toStandardJsonSchema } from '@valibot/to-json-schema'
import * as v from 'valibot'
import type { Bounds } from './bounds.js'

/** Makes the schema of the arguments of a tool. Its messages do not contain the arguments. */
function inputs<Entries extends v.ObjectEntries>(entries: Entries) {
  const names = Object.keys(entries).join(', ')
  return toStandardJsonSchema(v.strictObject(entries, `expected an object with: ${names}`))
}

const text = v.string('expected a string')

const session = v.pipe(text, v.description('The id of a session, from start_session.'))

const path = v.pipe(
  text,
  v.minLength(1, 'expected a path'),
  v.description('The path of a file, relative to /workspace.'),
)

const wholeNumber = v.pipe(v.number('expected a number'), v.integer('expected a whole number'))

/** The schemas of the arguments of the tools. */
export function inputsOf(languages: readonly string[], { timeoutMs, maxTimeoutMs }: Bounds) {
  const language = v.pipe(
    v.picklist(languages, `expected one of: ${languages.join(', ')}`),
    v.description('The language of the code.'),
  )
  const limit = Math.min(timeoutMs, maxTimeoutMs)
  const timeLimit = v.pipe(
    v.optional(
      v.pipe(
        v.number('expected a number of milliseconds'),
        v.minValue(1, 'expected 1 ms or more'),
        v.maxValue(maxTimeoutMs, `expected ${maxTimeoutMs} ms or less`),
      ),
      limit,
    ),
    v.description('The time limit in milliseconds. The program is ended after it.'),
  )
  return {
    startSession: inputs({ language }),
    endSession: inputs({ session }),
    runCode: inputs({
      code: v.pipe(text, v.description('The source code of a complete program or of a cell.')),
      language,
      session: v.optional(
        v.pipe(
          text,
          v.description(
            'The id of a session of this language, from start_session. Variables and files stay ' +
              'from one run of the session to the next. Without it, the run has a new container, ' +
              'which is removed after it.',
          ),
        ),
      ),
      timeoutMs: timeLimit,
    }),
    exec: inputs({
      session,
      command: v.pipe(text, v.description('A command line for /bin/sh.')),
      timeoutMs: timeLimit,
    }),
    readFile: inputs({
      session,
      path,
      offset: v.pipe(
        v.optional(v.pipe(wholeNumber, v.minValue(0, 'expected 0 or more')), 0),
        v.description('The position of the first byte of a text file. Use nextOffset to continue.'),
      ),
    }),
    writeFile: inputs({
      session,
      path,
      content: v.pipe(text, v.description('The complete content of the file.')),
      encoding: v.pipe(
        v.optional(v.picklist(['utf-8', 'base64'], 'expected utf-8 or base64'), 'utf-8'),
        v.description('The encoding of content: base64 for a binary file.'),
      ),
    }),
    listFiles: inputs({
      session,
      path: v.pipe(
        v.optional(path, '.'),
        v.description('The path of a folder, relative to /workspace.'),
      ),
      recursive: v.pipe(
        v.optional(v.boolean('expected true or false'), false),
        v.description('Whether to list the folders in the folder, too.'),
      ),
    }),
  }
}
