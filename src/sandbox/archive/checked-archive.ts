import { SandboxFileError } from '../../errors.js'
import { Slices } from '../../util/loop-turn.js'
import type { Content } from '../streams/content.js'
import { bytesOf, webStreamOf } from '../streams/content.js'
import { ArchiveGuard } from './archive-guard.js'

/** The number of bytes that are checked and decoded in one step. */
const PART_BYTES = 64 * 1024

/**
 * Returns the bytes of an archive, each checked by the guard, as fast as they are read. The stream
 * fails with the error of the guard, or with `ECANCELED` if the content cannot be read.
 */
export function checkedArchive(content: Content): ReadableStream<Uint8Array> {
  const isWhole = typeof content === 'string' || content instanceof Uint8Array
  const reader = (isWhole ? ReadableStream.from([content]) : webStreamOf(content)).getReader()
  const guard = new ArchiveGuard()
  const slices = new Slices()
  let chunk: Buffer = Buffer.alloc(0)
  const fail = (cause: unknown) => {
    void reader.cancel(cause).catch(() => {})
    throw cause
  }
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        while (chunk.length === 0) {
          const { done, value } = await reader.read().catch(unreadable)
          if (done) {
            guard.end()
            return controller.close()
          }
          chunk = bufferOf(value)
        }
        await slices.next()
        const part = chunk.subarray(0, PART_BYTES)
        chunk = chunk.subarray(part.length)
        try {
          guard.take(part)
        } catch (error) {
          fail(error)
        }
        controller.enqueue(part)
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}

function bufferOf(chunk: string | Uint8Array): Buffer {
  const bytes = bytesOf(chunk)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function unreadable(cause: unknown): never {
  throw new SandboxFileError('ECANCELED', '/workspace', 'the archive could not be read', { cause })
}
