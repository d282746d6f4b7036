import type { SandboxRun } from 'hono-sandbox/client'
import { runStream } from 'hono-sandbox/client'
import type { FileStore, StoredFile } from './file-panel.js'
import type { Language, Program } from './programs.js'

/** The container of this browser and a language, which the cells share. The server finds it by a cookie. */
export class Session implements FileStore {
  readonly language: Language

  constructor(language: Language) {
    this.language = language
  }

  /** Runs a cell. `onHead` gets what the server says about the session. */
  run(
    { code, timeoutMs }: Omit<Program, 'language'> & { timeoutMs: number },
    onHead: (head: Headers) => void,
  ): Promise<SandboxRun> {
    const body = JSON.stringify({ language: this.language, code, timeoutMs })
    const headers = { 'content-type': 'application/json' }
    return runStream(
      async (init) => {
        const response = await fetch('/session/run/stream', init)
        onHead(response.headers)
        return response
      },
      { method: 'POST', body, headers },
    )
  }

  /** Interrupts the cell that runs. */
  async interrupt(): Promise<void> {
    const body = JSON.stringify({ language: this.language })
    const headers = { 'content-type': 'application/json' }
    await send('/session/interrupt', { method: 'POST', body, headers })
  }

  /** Ends the session with its variables and files. */
  async restart(): Promise<void> {
    await send(`/session?language=${this.language}`, { method: 'DELETE' })
  }

  async list(): Promise<StoredFile[]> {
    const answer: unknown = await (await send(this.#address(''))).json()
    const files = typeof answer === 'object' && answer && 'files' in answer ? answer.files : answer
    if (!Array.isArray(files)) return []
    return files.flatMap((file: unknown) => storedFile(file) ?? [])
  }

  async add(file: File): Promise<void> {
    await send(this.#address(file.name), { method: 'PUT', body: file })
  }

  async remove(path: string): Promise<void> {
    await send(this.#address(path), { method: 'DELETE' })
  }

  async content(path: string): Promise<Blob> {
    return (await send(this.#address(path))).blob()
  }

  #address(path: string): string {
    const names = path.split('/').filter((name) => name !== '')
    const parts = ['/session/files', ...names.map((name) => encodeURIComponent(name))]
    return `${parts.join('/')}?language=${this.language}`
  }
}

function storedFile(file: unknown): StoredFile | undefined {
  if (typeof file !== 'object' || file === null || !('path' in file && 'size' in file)) return
  const { path, size } = file
  if ('type' in file && file.type !== 'file') return
  if (typeof path !== 'string' || typeof size !== 'number') return
  return { path, size, isMade: false }
}

async function send(address: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(address, init)
  if (response.ok) return response
  const answer: unknown = await response.json().catch(() => undefined)
  throw new Error(messageIn(answer) ?? `the server answered with ${response.status}`)
}

function messageIn(answer: unknown): string | undefined {
  if (typeof answer !== 'object' || answer === null || !('error' in answer)) return
  const { error } = answer
  if (typeof error !== 'object' || error === null || !('message' in error)) return
  return String(error.message)
}
