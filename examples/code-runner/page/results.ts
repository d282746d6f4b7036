import type { RunEvent } from 'hono-sandbox/client'
import { el } from './dom.js'
import { richHtml } from './rich-html.js'

/** A value that a program has shown. */
export type Result = Extract<RunEvent, { type: 'result' }>['result']

/** Returns an element with the richest representation of a result. All of it is untrusted. */
export function showResult(result: Result): HTMLElement {
  const { html, markdown, latex, json, text = '' } = result
  const picture = pictureOf(result)
  const notes = [
    ...(result.notes ?? []),
    ...(result.omitted ?? []).map((name) => `${name}: too large`),
  ]
  const shown = picture
    ? el('img', { src: picture, alt: altOf(text) })
    : html !== undefined
      ? richHtml(html)
      : el('pre', {}, markdown ?? latex ?? (json === undefined ? text : pretty(json)))
  const parts = notes.map((note) => el('p', { className: 'note' }, note))
  return el('figure', { className: result.isMain ? 'result main' : 'result' }, shown, ...parts)
}

/** An SVG document in an `img` element runs no script and loads nothing. */
function pictureOf({ png, jpeg, svg }: Result): string | undefined {
  if (png !== undefined) return `data:image/png;base64,${png}`
  if (jpeg !== undefined) return `data:image/jpeg;base64,${jpeg}`
  if (svg !== undefined) return URL.createObjectURL(new Blob([svg], { type: 'image/svg+xml' }))
  return undefined
}

function altOf(text: string): string {
  return text.length > 0 && text.length < 200 ? text : 'A picture that the program made'
}

function pretty(json: unknown): string {
  return JSON.stringify(json, null, 2) ?? ''
}
