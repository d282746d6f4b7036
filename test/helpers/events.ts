import type { StreamEvent } from '../../middleware/index.js'

/** The events in a whole body; of SSE the comments are left out. */
export function eventsIn(body: string): StreamEvent[] {
  const isSse = /^(event|:)/.test(body)
  if (!isSse) return body.split('\n').filter(Boolean).map(parse)
  const blocks = body.split('\n\n').filter((block) => block !== '' && !block.startsWith(':'))
  return blocks.map((block) => {
    const [, name, data = ''] = /^event: (\w+)\ndata: (.*)$/s.exec(block) ?? []
    const event = parse(data)
    if (event.type !== name) throw new Error(`an event called ${name} that says ${data}`)
    return event
  })
}

function parse(json: string): StreamEvent {
  return JSON.parse(json)
}

/** What came on a stream of the program. */
export function textOf(events: readonly StreamEvent[], type: 'stdout' | 'stderr'): string {
  return events.map((event) => (event.type === type ? event.data : '')).join('')
}

/** Reads a body piece by piece, as far as a test wants to. */
export class BodyReader {
  text = ''
  #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #decoder = new TextDecoder()

  constructor(response: Response) {
    const { body } = response
    if (!body) throw new Error('there is no body')
    this.#reader = body.getReader()
  }

  /** Whether there was more. */
  async more(): Promise<boolean> {
    const { done, value } = await this.#reader.read()
    this.text += this.#decoder.decode(value, { stream: !done })
    return !done
  }

  async until(part: string): Promise<void> {
    while (!this.text.includes(part)) {
      if (!(await this.more())) throw new Error(`it ended without ${part}: ${this.text}`)
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
