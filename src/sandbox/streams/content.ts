import { check } from '../../schemas/check.js'
import { Chunk } from '../../schemas/sandbox-calls.js'

/**
 * The content of a file, or the input of a program: text, bytes, a `Blob`, or a stream of text or
 * bytes.
 */
export type Content = string | Uint8Array | Blob | ReadableStream<Uint8Array | string>

/** The receiver of content: a file request, or the stdin of a program. */
interface ContentTarget {
  write: (bytes: Uint8Array) => Promise<void>
  /** Settles when the receiver accepts no more content. */
  outcome: Promise<unknown>
}

/**
 * Writes the content to the target, as fast as the target reads it. If the target ends early,
 * cancels a stream and resolves. Does not send the end of the content: the caller does.
 *
 * @throws the error of the stream, if the content is a stream and fails.
 */
export async function writeContent(target: ContentTarget, content: Content): Promise<void> {
  if (content instanceof Blob) return writeContent(target, content.stream())
  if (!(content instanceof ReadableStream)) return target.write(bytesOf(content))
  const reader = content.getReader()
  void target.outcome.then(() => reader.cancel().catch(() => {}))
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    await target.write(bytesOf(value))
  }
}

/** Cancels content that will not be read. Only a stream that has no reader has to be cancelled. */
export function cancelContent(content: Content | undefined): void {
  const isUnread = content instanceof ReadableStream && !content.locked
  if (isUnread) void content.cancel().catch(() => {})
}

/**
 * Returns a chunk of content as bytes. Text becomes UTF-8.
 *
 * @throws SandboxError `SANDBOX_INVALID_OPTION` if the chunk is neither a string nor bytes.
 */
export function bytesOf(chunk: string | Uint8Array): Uint8Array {
  const checked = check(Chunk, chunk, 'a chunk of the content')
  return typeof checked === 'string' ? Buffer.from(checked) : checked
}
