import { isUtf8 } from 'node:buffer'
import { mimeTypeOf } from '../../sandbox/files/mime.js'
import type { DeepAgentsData, DeepAgentsPage } from './types.js'

/** The greatest size of a file that the agent edits, before and after the edit, in bytes. */
export const MAX_EDIT_BYTES = 10 * 1024 * 1024

/** Whether the agent writes a file with this name as base64. */
export function isMedia(path: string): boolean {
  return /^(image\/(?!svg)|audio\/|video\/(?!mp2t)|application\/pdf)/.test(mimeTypeOf(path))
}

/** Whether the file is text. The agent reads text page by page. */
export function isText(path: string, content: Buffer): boolean {
  return !isMedia(path) && isUtf8(content)
}

/** Returns the whole file. */
export function whole(path: string, content: Buffer): Pick<DeepAgentsData, 'content' | 'mimeType'> {
  if (isText(path, content)) return { content: content.toString(), mimeType: 'text/plain' }
  return { content: new Uint8Array(content), mimeType: mimeTypeOf(path) }
}

/** Returns the lines from `offset` on, at most `limit`. */
export function pageOf(text: string, offset: number, limit: number): DeepAgentsPage {
  const lines = text.replace(/\n$/, '').split('\n')
  const end = Math.min(offset + limit, lines.length)
  const content = lines.slice(offset, end).join('\n')
  if (content === '' && offset >= end) return { content, mimeType: 'text/plain' }
  const next = end < lines.length ? { nextOffset: end } : {}
  const place = { totalLines: lines.length, startLine: offset + 1, endLine: end, ...next }
  return { content, mimeType: 'text/plain', ...place }
}

/** Replaces a text. If it occurs several times, it is replaced only if `all` is set. */
export function replace(
  text: string,
  old: string,
  replacement: string,
  all: boolean | undefined,
): { text: string; occurrences: number } | { error: string } {
  if (old === '' && text !== '') return { error: 'No string to replace: old_string is empty' }
  const parts = old === '' ? ['', ''] : text.split(old)
  const occurrences = parts.length - 1
  if (occurrences === 0) return { error: 'String not found' }
  if (occurrences > 1 && !all) return { error: 'Multiple occurrences, and not all to replace,' }
  const length = text.length + occurrences * (replacement.length - old.length)
  if (length > MAX_EDIT_BYTES) return { error: `Text of ${length} characters is too long` }
  return { text: parts.join(replacement), occurrences }
}
