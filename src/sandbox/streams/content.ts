import { check } from '../../schemas/check.js'
import { Chunk } from '../../schemas/sandbox-calls.js'

/** What a program reads, or a file is made of. */
export type Content = string | Uint8Array | Blob | ReadableStream<Uint8Array | string>

/** Who takes content, until it is over. */
interface ContentTarget {
  write: (bytes: Uint8Array) => Promise<void>
  outcome: Promise<unknown>
}

/**
 * Sends it all, as fast as it is read. Resolves when the request is over as well; a stream is
 * cancelled then. The end is the caller's to send.
 *
 * @throws whatever a stream fails with.
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

/** Content that nobody will read: a stream is told so. */
export function cancelContent(content: Content | undefined): void {
  const isUnread = content instanceof ReadableStream && !content.locked
  if (isUnread) void content.cancel().catch(() => {})
}

/** @throws SandboxError `SANDBOX_INVALID_OPTION` where it is neither. */
export function bytesOf(chunk: string | Uint8Array): Uint8Array {
  const checked = check(Chunk, chunk, 'a piece of content')
  return typeof checked === 'string' ? Buffer.from(checked) : checked
}
