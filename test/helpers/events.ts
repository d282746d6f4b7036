import type { StreamEvent } from '../../middleware/index.js'

/** Parses the events of a complete body. It ignores the comments of SSE. */
export function eventsIn(body: string): StreamEvent[] {
  const isSse = /^(event|:)/.test(body)
  if (!isSse) return body.split('\n').filter(Boolean).map(parse)
  const blocks = body.split('\n\n').filter((block) => block !== '' && !block.startsWith(':'))
  return blocks.map((block) => {
    const [, name, data = ''] = /^event: (\w+)\ndata: (.*)$/s.exec(block) ?? []
    const event = parse(data)
    if (event.type !== name) throw new Error(`the event ${name} has other data: ${data}`)
    return event
  })
}

function parse(json: string): StreamEvent {
  return JSON.parse(json)
}

/** Returns the text of one stream of the program. */
export function textOf(events: readonly StreamEvent[], type: 'stdout' | 'stderr'): string {
  return events.map((event) => (event.type === type ? event.data : '')).join('')
}

/** Reads a body piece by piece. */
export class BodyReader {
  text = ''
  #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #decoder = new TextDecoder()

  constructor(response: Response) {
    const { body } = response
    if (!body) throw new Error('the response has no body')
    this.#reader = body.getReader()
  }

  /** Reads one piece. Returns false at the end of the body. */
  async more(): Promise<boolean> {
    const { done, value } = await this.#reader.read()
    this.text += this.#decoder.decode(value, { stream: !done })
    return !done
  }

  async until(part: string): Promise<void> {
    while (!this.text.includes(part)) {
      if (!(await this.more())) throw new Error(`the body ended without ${part}: ${this.text}`)
    }
  }

  async rest(): Promise<string> {
    while (await this.more());
    return this.text
  }

  cancel(): Promise<void> {
    return this.#reader.cancel()
  }
}
