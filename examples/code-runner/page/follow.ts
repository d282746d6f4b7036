import type { ExitEvent, RunEvent } from 'hono-sandbox/client'
import { errorLine } from './error-line.js'
import type { Editor } from './editor.js'
import type { Ending } from './ending.js'
import { endingOf, failureOf } from './ending.js'
import type { Output } from './output.js'
import type { Result } from './results.js'

/** The length of an error that is shown in the editor. The output has all of it. */
const MAX_MESSAGE = 300

/** The time after which the loop lets the page handle other events, such as a click on "Stop". */
const SLICE_MS = 20

/** The places that show a run. */
export interface Views {
  output: Output
  editor: Editor
  /**
   * Gets each result before the output does. If it returns `true`, the output does not show the
   * result.
   */
  takes?: (result: Result) => boolean
}

/** Shows the events of a run as they come. Returns its end in words; it never throws. */
export async function follow(
  start: () => AsyncIterable<RunEvent> | Promise<AsyncIterable<RunEvent>>,
  views: Views,
): Promise<Ending> {
  const { output, editor, takes } = views
  output.clear()
  editor.mark(undefined)
  try {
    let sliceEnd = performance.now() + SLICE_MS
    for await (const event of await start()) {
      if (performance.now() > sliceEnd) {
        await new Promise((resolve) => setTimeout(resolve))
        sliceEnd = performance.now() + SLICE_MS
      }
      if (event.type === 'stdout' || event.type === 'stderr') output.write(event.type, event.data)
      else if (event.type === 'result' && !takes?.(event.result)) output.show(event.result)
      else if (event.type === 'exit') return conclude(event, views)
      else if (event.type === 'error') return { text: event.error.message, isGood: false }
    }
    return { text: 'the connection was lost', isGood: false }
  } catch (error) {
    return failureOf(error)
  } finally {
    output.flush()
  }
}

function conclude(exit: ExitEvent, { output, editor }: Views): Ending {
  const { error } = exit
  const line = error && errorLine(error.traceback)
  if (error && line !== undefined && !exit.killedBy) editor.mark({ line, message: textOf(error) })
  if (exit.truncated) output.write('note', 'Some output is missing.\n')
  if (exit.omittedResults) output.write('note', `${exit.omittedResults} results are missing.\n`)
  return endingOf(exit, line)
}

function textOf({ name, message }: NonNullable<ExitEvent['error']>): string {
  return (message === '' ? name : `${name}: ${message}`).slice(0, MAX_MESSAGE)
}
