import type { FileStore, StoredFile } from './file-panel.js'
import type { Result } from './results.js'

/** The number of files that the server sends after a run. */
const MAX_MADE = 20

/** The files of the user, which each run gets, and the files that the last run made. */
export class LocalFiles implements FileStore {
  readonly #own = new Map<string, Blob>()
  readonly #made = new Map<string, Blob>()

  async list(): Promise<StoredFile[]> {
    const made = Array.from(this.#made, ([path, { size }]) => ({ path, size, isMade: true }))
    const own = Array.from(this.#own, ([path, { size }]) => ({ path, size, isMade: false }))
    return [...made, ...own.filter(({ path }) => !this.#made.has(path))]
  }

  async add(file: File): Promise<void> {
    this.#made.delete(file.name)
    this.#own.set(file.name, file)
  }

  async remove(path: string): Promise<void> {
    this.#own.delete(path)
    this.#made.delete(path)
  }

  async content(path: string): Promise<Blob> {
    return this.#made.get(path) ?? this.#own.get(path) ?? new Blob()
  }

  /** Forgets the files that the last run made. */
  startRun(): void {
    this.#made.clear()
  }

  /** Takes the files of a run out of its results. Returns whether a result had files. */
  readonly take = (result: Result): boolean => {
    const files = filesOf(result)
    if (!files) return false
    // The list of the server comes last. It replaces a list that the program has sent.
    this.#made.clear()
    for (const { path, bytes } of files) this.#made.set(path, new Blob([bytes]))
    return true
  }

  /** Returns the files of the user for the JSON of a run. */
  forJson(): Promise<{ path: string; content: string }[]> {
    return Promise.all(
      Array.from(this.#own, async ([path, blob]) => ({ path, content: await base64(blob) })),
    )
  }

  /** Returns the files of the user as a form. */
  asForm(): FormData {
    const form = new FormData()
    for (const [path, blob] of this.#own) form.append('file', blob, path)
    return form
  }
}

/** The result in which the server sends the files of a run. A program can send one, too. */
function filesOf({ json }: Result): { path: string; bytes: Uint8Array<ArrayBuffer> }[] | undefined {
  if (typeof json !== 'object' || json === null || !('filesOfRun' in json)) return undefined
  if (!Array.isArray(json.filesOfRun)) return undefined
  return json.filesOfRun.slice(0, MAX_MADE).flatMap((file: unknown) => {
    if (typeof file !== 'object' || file === null) return []
    if (!('path' in file && 'content' in file)) return []
    const { path, content } = file
    if (typeof path !== 'string' || typeof content !== 'string') return []
    try {
      return { path, bytes: Uint8Array.from(atob(content), (each) => each.charCodeAt(0)) }
    } catch {
      return []
    }
  })
}

async function base64(blob: Blob): Promise<string> {
  const bytes = new Uint8Array(await blob.arrayBuffer())
  let text = ''
  for (let at = 0; at < bytes.length; at += 32_768)
    text += String.fromCharCode(...bytes.subarray(at, at + 32_768))
  return btoa(text)
}
