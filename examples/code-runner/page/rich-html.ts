import { el } from './dom.js'

/**
 * The policy of a frame. The frame also inherits the policy of the page, which is stricter except
 * for styles. `sandbox` without any permission gives the frame an opaque origin and forbids scripts,
 * forms, popups, downloads and the navigation of the page.
 */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
/**
 * Elements that could reach the network or another page. The policy and `sandbox` stop all of them
 * except `link`: a browser may connect to a server in advance without asking the policy.
 */
const REFUSED =
  'link, meta, base, script, template, iframe, frame, frameset, object, embed, fencedframe'
/**
 * The greatest number of tags in HTML. The time to parse elements within elements grows with the
 * square of their number: 200,000 of them block the page for a minute.
 */
const MAX_TAGS = 10_000
/** How often HTML is parsed until nothing is left to remove. */
const MAX_ROUNDS = 4
const STYLE = `
:root { color-scheme: light dark; font: 14px/1.5 system-ui, sans-serif }
body { margin: 0 }
body > :first-child { margin-top: 0 }
table { border-collapse: collapse; border: 0; font-variant-numeric: tabular-nums }
th, td { padding: 3px 12px; text-align: right; border: 0; border-bottom: 1px solid #8884 }
th { font-weight: 600 }
`
/** The guessed heights: of a line, what a paragraph and a row of a table need more, and the bounds. */
const [LINE_PX, GAP_PX, ROW_PX, LEAST_PX, MOST_PX] = [22, 28, 7, 48, 480]

/** Returns whether HTML is too large to show it: see `MAX_TAGS`. */
export function isTooLarge(html: string): boolean {
  return html.split('<', MAX_TAGS + 2).length > MAX_TAGS + 1
}

/** Returns a frame that shows HTML of a program without any right. */
export function richHtml(html: string): HTMLElement {
  const parsed = withoutRefused(html)
  const frame = el('iframe', {
    title: 'HTML result',
    referrerPolicy: 'no-referrer',
    srcdoc: `<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${POLICY}"><meta name="color-scheme" content="light dark"><style>${STYLE}</style>${parsed.documentElement.outerHTML}`,
  })
  frame.sandbox.value = ''
  const box = el('div', { className: 'frame' }, frame)
  box.style.height = `${heightOf(parsed)}px`
  return box
}

/**
 * Parses HTML without the refused elements. HTML can be made so that its parsed form, written and
 * parsed again, has other elements. So it is parsed until nothing is left to remove.
 */
function withoutRefused(html: string): Document {
  let text = html
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const parsed = new DOMParser().parseFromString(text, 'text/html')
    const refused = parsed.querySelectorAll(REFUSED)
    // A click on a link would replace the content of the frame by an error page of the browser.
    const links = parsed.querySelectorAll('[href], [ping]')
    for (const element of refused) element.remove()
    for (const link of links) if (link.localName === 'a' || link.localName === 'area') disarm(link)
    if (round > 0 && refused.length === 0) return parsed
    text = parsed.documentElement.outerHTML
  }
  return new DOMParser().parseFromString('<p>The HTML is not valid.</p>', 'text/html')
}

function disarm(link: Element): void {
  for (const name of ['href', 'ping', 'target']) link.removeAttribute(name)
}

/** Guesses the height: nothing outside of the frame can measure its content. */
function heightOf({ body }: Document): number {
  const count = (names: string) => body.querySelectorAll(names).length
  const text = body.textContent?.replaceAll(/\s+/g, ' ') ?? ''
  const wrapped = Math.ceil(text.length / 90)
  const lines = Math.max(count('li, div, br, tr, pre'), wrapped)
  const wanted = lines * LINE_PX + count('p, h1, h2, h3, h4') * GAP_PX + count('tr') * ROW_PX + 20
  return Math.min(MOST_PX, Math.max(LEAST_PX, wanted))
}
