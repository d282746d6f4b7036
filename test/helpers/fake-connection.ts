import { EventEmitter } from 'node:events'
import { isConnection } from '../../middleware/socket-connection.js'

/** A connection that notes what a server does with it. */
export function fakeConnection() {
  const sent: string[] = []
  const codes: number[] = []
  let terminations = 0
  const raw = Object.assign(new EventEmitter(), {
    readyState: 1,
    isPaused: false,
    pause() {},
    resume() {},
    send: (text: string) => sent.push(text),
    close: (code: number) => codes.push(code),
    terminate: () => terminations++,
  })
  if (!isConnection(raw)) throw new Error('the fake is no connection')
  return { connection: raw, sent, codes, terminations: () => terminations }
}
