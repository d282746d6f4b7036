import type { RichResult } from '../sandbox/streams/rich-result.js'
import type { CodeContent } from './outputs.js'
import { shorten } from '../util/text.js'

/** The representations of a displayed value as text, the most useful for a model first. */
const FORMATS = ['markdown', 'text', 'latex', 'json', 'html', 'svg'] as const

const MIME_TYPES: Readonly<Record<(typeof FORMATS)[number], string>> = {
  markdown: 'text/markdown',
  text: 'text/plain',
  latex: 'text/x-latex',
  json: 'application/json',
  html: 'text/html',
  svg: 'image/svg+xml',
}

/**
 * Returns the values that code displayed, without the value of the last expression. All texts
 * together have about `length` characters.
 */
export function displayed(results: readonly RichResult[], length: number): CodeContent['results'] {
  let left = length
  return results.flatMap((result): CodeContent['results'] => {
    if (result.png !== undefined) return [{ mimeType: 'image/png' }]
    if (result.jpeg !== undefined) return [{ mimeType: 'image/jpeg' }]
    const format = FORMATS.find((name) => result[name] !== undefined)
    if (result.isMain || !format) return []
    const value = result[format]
    const text = shorten(typeof value === 'string' ? value : JSON.stringify(value), left)
    left = Math.max(0, left - text.length)
    return [{ mimeType: MIME_TYPES[format], text }]
  })
}
