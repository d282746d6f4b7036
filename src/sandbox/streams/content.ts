import { Readable } from 'node:stream'
import { check } from '../../schemas/check.js'
import { Chunk } from '../../schemas/sandbox-calls.js'

/**
 * The content of a file, or the input of a program: text, bytes, a `Blob`, or a stream of text or
 * bytes. A stream is a web stream, a stream of Node such as `fs.createReadStream()`, or any async
 * iterable, such as an async generator.
 */
export type Content = string | Uint8Array | Blob | ContentStream

/** Content that arrives in chunks. A stream of Node is an async iterable, too. */
type ContentStream = ReadableStream<Uint8Array | string> | AsyncIterable<Uint8Array | string>

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
  if (typeof content === 'string' || content instanceof Uint8Array) {
    return target.write(bytesOf(content))
  }
  const reader = webStreamOf(content).getReader()
  void target.outcome.then(() => reader.cancel().catch(() => {}))
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    await target.write(bytesOf(value))
  }
}

/**
 * Cancels content that will not be read. Only a stream has to be cancelled: an open file or socket
 * may be behind it. It does nothing for a stream that was read.
 */
export function cancelContent(content: Content | undefined): void {
  if (!isStream(content)) return
  if (content instanceof Readable) content.destroy()
  else if (!(content instanceof ReadableStream)) {
    void content[Symbol.asyncIterator]()
      .return?.()
      .catch(() => {})
  } else if (!content.locked) void content.cancel().catch(() => {})
}

/** Returns whether the content arrives in chunks, from a source that may be slow. */
export function isStream(content: unknown): content is ContentStream {
  return typeof content === 'object' && content !== null && Symbol.asyncIterator in content
}

/** Returns content as a stream of the web. */
export function webStreamOf(content: Blob | ContentStream): ReadableStream<Uint8Array | string> {
  if (content instanceof Blob) return content.stream()
  if (content instanceof ReadableStream) return content
  // An iterator of a stream of Node cannot be stopped while it waits for the next chunk.
  if (content instanceof Readable) return Readable.toWeb(content)
  return ReadableStream.from(content)
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
