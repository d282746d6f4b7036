import { button, byId, el, save } from './dom.js'
import { plainName } from './plain-name.js'

/** A file in the panel. */
export interface StoredFile {
  path: string
  size: number
  /** Whether the last run made or changed the file. */
  isMade: boolean
}

/** The place of the files: the browser for plain runs, the session for a notebook. */
export interface FileStore {
  list: () => Promise<StoredFile[]>
  add: (file: File) => Promise<void>
  remove: (path: string) => Promise<void>
  content: (path: string) => Promise<Blob>
}

/** The list of files, with upload by a button or by drag and drop. */
export class FilePanel {
  readonly #list = byId('files', HTMLUListElement)
  readonly #onMessage: (text: string) => void
  #store: FileStore

  constructor(store: FileStore, onMessage: (text: string) => void) {
    this.#store = store
    this.#onMessage = onMessage
    const input = byId('upload', HTMLInputElement)
    byId('choose', HTMLButtonElement).addEventListener('click', () => input.click())
    input.addEventListener('change', () => {
      void this.#add([...(input.files ?? [])])
      input.value = ''
    })
    this.#acceptDrops(document.body)
    void this.refresh()
  }

  set store(store: FileStore) {
    this.#store = store
    void this.refresh()
  }

  /** Reads the list again. */
  async refresh(): Promise<void> {
    const store = this.#store
    const files = await store.list().catch((): StoredFile[] => [])
    if (store === this.#store) this.#list.replaceChildren(...files.map((file) => this.#row(file)))
  }

  #row({ path, size, isMade }: StoredFile): HTMLElement {
    const shown = plainName(path)
    const name = shown.split('/').at(-1) ?? shown
    const download = button('Download', () =>
      this.#try(async () => save(name, await this.#store.content(path))),
    )
    const remove = button('Remove', () =>
      this.#try(async () => {
        await this.#store.remove(path)
        this.#onMessage(`${shown} is removed`)
      }),
    )
    download.setAttribute('aria-label', `Download ${shown}`)
    remove.setAttribute('aria-label', `Remove ${shown}`)
    const about = el(
      'span',
      { className: 'muted' },
      `${sizeOf(size)}${isMade ? ', made by the run' : ''}`,
    )
    return el('li', {}, el('span', { className: 'path' }, shown), about, download, remove)
  }

  async #add(files: readonly File[]): Promise<void> {
    await this.#try(async () => {
      for (const file of files) await this.#store.add(file)
      this.#onMessage(
        files.length === 1 ? `${files[0]?.name} is added` : `${files.length} files are added`,
      )
    })
  }

  async #try(action: () => Promise<void>): Promise<void> {
    try {
      await action()
    } catch (error) {
      this.#onMessage(error instanceof Error ? error.message : String(error))
    }
    await this.refresh()
  }

  #acceptDrops(target: HTMLElement): void {
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false
    target.addEventListener('dragover', (event) => {
      if (!hasFiles(event)) return
      event.preventDefault()
      target.classList.add('dropping')
    })
    target.addEventListener('dragleave', (event) => {
      if (event.relatedTarget === null) target.classList.remove('dropping')
    })
    // Before the editor, which would insert the content of the file.
    target.addEventListener(
      'drop',
      (event) => {
        target.classList.remove('dropping')
        if (!hasFiles(event)) return
        event.preventDefault()
        event.stopPropagation()
        void this.#add([...(event.dataTransfer?.files ?? [])])
      },
      { capture: true },
    )
  }
}

function sizeOf(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  return bytes < 1_000_000
    ? `${(bytes / 1000).toFixed(1)} kB`
    : `${(bytes / 1_000_000).toFixed(1)} MB`
}
