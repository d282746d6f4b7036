import type { SandboxErrorCode } from '../src/errors.js'
import type { CodeEnd } from '../src/sandbox/program/result.js'
import type { RichResult } from '../src/sandbox/streams/rich-result.js'

/** One event of a stream, as a client receives it. The last event is `exit` or `error`. */
export type StreamEvent =
  | {
      type: 'stdout' | 'stderr'
      data: string
      /** The encoding of `data`; missing if `data` is text. */
      encoding?: 'base64'
    }
  | { type: 'result'; result: RichResult }
  | ({ type: 'exit' } & CodeEnd)
  | { type: 'error'; error: { code: StreamErrorCode; message: string } }
  | {
      /**
       * Sent if no other event occurs for some time: the program is still running. Only in NDJSON.
       */
      type: 'heartbeat'
    }

/** The code of an `error` event. */
export type StreamErrorCode =
  | SandboxErrorCode
  /** The app failed. */
  | 'INTERNAL'
  /** A message of the client is not valid. Only over a WebSocket. */
  | 'BAD_REQUEST'
  /** The server does not have the run that the client resumes. Only over a WebSocket. */
  | 'RUN_LOST'
