/** Returns the element of the page with an id. */
export function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id)
  if (found instanceof type) return found
  throw new Error(`the page has no ${type.name} with the id ${id}`)
}

/** Creates an element. Strings become text nodes, never HTML. */
export function el<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<Omit<HTMLElementTagNameMap[Name], 'style'>> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const element = Object.assign(document.createElement(name), properties)
  element.append(...children)
  return element
}

/** Creates a button. */
export function button(label: string, onClick: () => unknown): HTMLButtonElement {
  const created = el('button', { type: 'button' }, label)
  created.addEventListener('click', () => void onClick())
  return created
}

/** Lets the browser save a file. */
export function save(name: string, content: Blob): void {
  const href = URL.createObjectURL(content)
  el('a', { href, download: name }).click()
  setTimeout(() => URL.revokeObjectURL(href), 60_000)
}
