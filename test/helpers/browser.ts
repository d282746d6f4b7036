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

  async post(path: string, body = '', { signal }: { signal?: AbortSignal } = {}) {
    const answer = await fetch(this.#url + path, {
      method: 'POST',
      body,
      headers: { cookie: this.cookie },
      ...(signal && { signal }),
    })
    for (const cookie of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      this.#cookies.set(name, value)
    }
    return answer
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
