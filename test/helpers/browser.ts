import { fetchOnce } from './http.js'

/** A client of a server that keeps its cookies, as a browser does. */
export class Browser {
  readonly #url: string
  readonly #cookies = new Map<string, string>()

  constructor(url: string) {
    this.#url = url
  }

  /** The cookies as the header `Cookie` has them. */
  get cookie(): string {
    return Array.from(this.#cookies, ([name, value]) => `${name}=${value}`).join('; ')
  }

  async fetch(url: string | URL | Request, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers)
    headers.set('cookie', this.cookie)
    const answer = await fetchOnce(url, { ...init, headers })
    for (const cookie of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      this.#cookies.set(name, value)
    }
    return answer
  }

  request(path: string, init?: RequestInit): Promise<Response> {
    return this.fetch(this.#url + path, init)
  }

  /** Posts a string unchanged, and any other value as JSON. */
  post(
    path: string,
    body: string | object = '',
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<Response> {
    const isText = typeof body === 'string'
    return this.request(path, {
      method: 'POST',
      body: isText ? body : JSON.stringify(body),
      headers: isText ? {} : { 'content-type': 'application/json' },
      ...(signal && { signal }),
    })
  }

  /** Sends a request, and disconnects when `leave` resolves. */
  async postAndLeave(path: string, body: string, leave: () => Promise<void>): Promise<void> {
    const client = new AbortController()
    const sent = this.post(path, body, { signal: client.signal }).catch(() => {})
    await leave()
    client.abort()
    await sent
  }
}
