import { Ajv2020 } from 'ajv/dist/2020.js'
import * as v from 'valibot'
import { expect } from 'vitest'

const Media = v.looseObject({ schema: v.optional(v.looseObject({})) })
const Operation = v.looseObject({
  operationId: v.string(),
  responses: v.record(
    v.string(),
    v.looseObject({ content: v.optional(v.record(v.string(), Media)) }),
  ),
})
const Document = v.looseObject({ paths: v.record(v.string(), v.record(v.string(), Operation)) })

/** An OpenAPI document, to which the answers of its server are compared. */
export class ApiDocument {
  readonly #ajv = new Ajv2020({ strict: false })
  readonly #operations: ReadonlyMap<string, v.InferOutput<typeof Operation>>
  readonly #pointers = new Map<string, string>()

  constructor(json: unknown) {
    const { paths } = v.parse(Document, json)
    const operations = new Map<string, v.InferOutput<typeof Operation>>()
    for (const [path, item] of Object.entries(paths)) {
      for (const [method, operation] of Object.entries(item)) {
        operations.set(operation.operationId, operation)
        this.#pointers.set(operation.operationId, pointerOf(['paths', path, method]))
      }
    }
    this.#operations = operations
    this.#ajv.addSchema({ ...v.parse(Document, json), $id: 'api' })
  }

  /** The names of all operations. */
  get names(): string[] {
    return [...this.#operations.keys()]
  }

  /** Expects that the document has the status, the media type and the body of an answer. */
  async expectAnswer(name: string, response: Response): Promise<void> {
    const type = response.headers.get('content-type')?.split(';')[0] ?? ''
    const text = await response.text()
    const status = String(response.status)
    const about = `${name}: ${status} ${text.slice(0, 200)}`
    const documented = this.#operations.get(name)?.responses[status]
    expect(documented, about).toBeDefined()
    const { content } = documented ?? {}
    if (!content) return expect(text, about).toBe('')
    if ('*/*' in content) return
    expect(Object.keys(content), about).toContain(type)
    const pointer = pointerOf(['responses', status, 'content', type, 'schema'])
    const validate = this.#ajv.compile({ $ref: `api#${this.#pointers.get(name)}${pointer}` })
    for (const value of valuesIn(text, type)) {
      expect(validate(value), `${about}: ${this.#ajv.errorsText(validate.errors)}`).toBe(true)
    }
  }
}

function pointerOf(names: readonly string[]): string {
  return names
    .map((name) => `/${encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))}`)
    .join('')
}

function valuesIn(text: string, type: string): unknown[] {
  if (type === 'application/json') return [JSON.parse(text)]
  if (type === 'application/x-ndjson') {
    return text
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line))
  }
  return [text]
}
