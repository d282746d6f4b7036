import axe from 'axe-core'
import type { Page } from 'playwright-core'

// Variables of the page.
declare const document: {
  documentElement: { scrollWidth: number; clientWidth: number }
  body: { dispatchEvent(event: object): boolean }
}
declare const DataTransfer: new () => { items: { add(file: object): void } }
declare const DragEvent: new (type: string, init: object) => object

/** Returns what axe finds wrong: the rules of WCAG AA, and good practices. */
export async function violationsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const found = await page.evaluate<axe.AxeResults>('axe.run({ iframes: false })')
  return found.violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
}

/** Returns whether the page is wider than the screen. */
export function isTooWide(): boolean {
  return document.documentElement.scrollWidth > document.documentElement.clientWidth
}

/** The parts of an element that scrolls. */
interface Scrolled {
  scrollHeight: number
  scrollTop: number
  clientHeight: number
}

/** Returns the height of the content below the visible part of an element. */
export function belowView({ scrollHeight, scrollTop, clientHeight }: Scrolled): number {
  return scrollHeight - scrollTop - clientHeight
}

/** Drops a file on the page. */
export function drop({ name, text }: { name: string; text: string }): void {
  const dataTransfer = new DataTransfer()
  dataTransfer.items.add(new File([text], name))
  const init = { dataTransfer, bubbles: true, cancelable: true }
  document.body.dispatchEvent(new DragEvent('drop', init))
}
