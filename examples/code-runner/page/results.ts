import type { RunEvent } from 'hono-sandbox/client'
import { el } from './dom.js'
import { isTooLarge, richHtml } from './rich-html.js'

/** The number of characters of a text that are shown: the layout of millions blocks the page. */
const MAX_CHARACTERS = 100_000

/** A value that a program has shown. */
export type Result = Extract<RunEvent, { type: 'result' }>['result']

/** Returns an element with the richest representation of a result. All of it is untrusted. */
export function showResult(result: Result): HTMLElement {
  const { markdown, latex, json, text = '' } = result
  const picture = pictureOf(result)
  const isLarge = result.html !== undefined && isTooLarge(result.html)
  const html = isLarge ? undefined : result.html
  const plain = markdown ?? latex ?? (json === undefined ? text : pretty(json))
  const isPlain = picture === undefined && html === undefined
  const notes = [
    ...(result.notes ?? []),
    ...(result.omitted ?? []).map((name) => `${name}: too large`),
    ...(isLarge ? ['html: too large'] : []),
    ...(isPlain && plain.length > MAX_CHARACTERS ? ['The text goes on.'] : []),
  ]
  const shown = picture
    ? el('img', { src: picture, alt: altOf(text) })
    : html !== undefined
      ? richHtml(html)
      : el('pre', {}, plain.slice(0, MAX_CHARACTERS))
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
