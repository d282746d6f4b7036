import type { Program } from './programs.js'
import { languageOf } from './programs.js'

/** The greatest length of a program in a link. */
const MAX_CODE = 1024 * 1024

/** Returns the address of the page with a program in its fragment, which no server gets. */
export async function linkTo({ language, code }: Program): Promise<string> {
  const packed = new Blob([code]).stream().pipeThrough(new CompressionStream('deflate-raw'))
  const bytes = new Uint8Array(await new Response(packed).arrayBuffer())
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
  const url = new URL(location.href)
  url.hash = `${language}:${text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')}`
  return url.href
}

/** Returns the program in the fragment of an address; `undefined` if there is none. */
export async function programIn(hash: string): Promise<Program | undefined> {
  const [, name, text] = /^#(\w+):([\w-]+)$/.exec(hash) ?? []
  if (text === undefined) return undefined
  try {
    const raw = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
    const bytes = Uint8Array.from(raw, (character) => character.charCodeAt(0))
    return { language: languageOf(name), code: await unpack(bytes) }
  } catch {
    return undefined // the link is not complete
  }
}

/** A short link can unpack to gigabytes, so the length is checked while it is unpacked. */
async function unpack(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'))
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader()
  let code = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return code
    code += value
    if (code.length > MAX_CODE) throw new Error('the program is too long')
  }
}
