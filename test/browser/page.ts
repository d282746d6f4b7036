// The script of the page. A test calls its exports in the page.
import { runSocket, runStream } from '../../src/client/index.js'
import { Reader } from '../helpers/reader.js'

/** Runs a program whose events come as a stream of a content type. */
export async function stream(code: string, accept: string) {
  const leave = new AbortController()
  const init = { method: 'POST', body: code, headers: { accept }, signal: leave.signal }
  return { reader: new Reader(await runStream('/stream', init)), leave }
}

/** Runs a program over a WebSocket. */
export function talk(code: string) {
  const leave = new AbortController()
  const run = runSocket('/talk', code, { signal: leave.signal })
  return { run, reader: new Reader(run), leave }
}
