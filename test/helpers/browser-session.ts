/** A client that keeps the cookies of a server, as a browser does. */
export class BrowserSession {
  readonly #url: string
  readonly #cookies = new Map<string, string>()

  constructor(url: string) {
    this.#url = url
  }

  get cookie(): string {
    return Array.from(this.#cookies, ([name, value]) => `${name}=${value}`).join('; ')
  }

  request(path: string, init?: RequestInit): Promise<Response> {
    return this.fetch(this.#url + path, init)
  }

  async fetch(url: string | URL | Request, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers)
    headers.set('cookie', this.cookie)
    const response = await fetch(url, { ...init, headers })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      this.#cookies.set(name, value)
    }
    return response
  }

  /** Posts a value as JSON, and a form as a form. */
  post(path: string, body: object, init: RequestInit = {}): Promise<Response> {
    if (body instanceof FormData) return this.request(path, { ...init, method: 'POST', body })
    const headers = new Headers(init.headers)
    headers.set('content-type', 'application/json')
    return this.request(path, { ...init, method: 'POST', headers, body: JSON.stringify(body) })
  }

  /** Starts a cell. */
  cell(code: string, more: object = {}, init: RequestInit = {}): Promise<Response> {
    return this.post('/session/run/stream', { language: 'python', code, ...more }, init)
  }
}
