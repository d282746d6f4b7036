import { html } from 'hono/html'
import type { OpenAPIV3_1 } from 'openapi-types'
import type { Html } from '../html/layout.js'
import type { ApiDocument } from './document.js'

type Operation = OpenAPIV3_1.OperationObject
type Schema = OpenAPIV3_1.SchemaObject | OpenAPIV3_1.ReferenceObject
type Content = Record<string, OpenAPIV3_1.MediaTypeObject>

const METHODS = ['get', 'put', 'post', 'delete'] as const
const SCHEMAS = '#/components/schemas/'

/** Returns the content of the reference page: each operation of the document, by its tag. */
export function reference(document: ApiDocument): Html {
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation = item[method]
      return operation ? { name: `${method.toUpperCase()} ${path}`, operation } : []
    }),
  )
  const schemas = document.components.schemas ?? {}
  return html`<h1>${document.info.title}</h1>
    <p>${prose(document.info.description)}</p>
    <p><a href="/openapi.json">The OpenAPI document</a></p>
    ${document.tags.map(
      (tag) =>
        html`<h2>${tag.name}</h2>
          <p>${prose(tag.description)}</p>
          ${operations
            .filter(({ operation }) => operation.tags?.includes(tag.name))
            .map(({ name, operation }) => section(name, operation, schemas))}`,
    )}`
}

function section(name: string, operation: Operation, schemas: Record<string, Schema>): Html {
  const { operationId, summary, description, requestBody, responses = {} } = operation
  return html`<section id="${operationId}">
    <h3><code>${name}</code></h3>
    <p>${prose(summary)} ${prose(description)}</p>
    ${operation.parameters && table('Parameter', operation.parameters.map(parameterRow))}
    ${requestBody && 'content' in requestBody && bodyOf(requestBody.content, schemas)}
    ${table('Status', Object.entries(responses).map(responseRow))}
  </section>`
}

function table(title: string, rows: readonly Html[]): Html {
  return html`<table>
    <tr>
      <th>${title}</th>
      <th></th>
    </tr>
    ${rows}
  </table>`
}

function parameterRow(parameter: OpenAPIV3_1.ParameterObject | OpenAPIV3_1.ReferenceObject): Html {
  if (!('name' in parameter)) return row(parameter.$ref, '')
  return row(parameter.name, html`in the ${parameter.in}: ${code(parameter.schema)}`)
}

function responseRow([status, response]: [string, OpenAPIV3_1.ResponsesObject[string]]): Html {
  const content = 'content' in response ? response.content : undefined
  return row(status, html`${prose(response.description)} ${examplesOf(content ?? {})}`)
}

function bodyOf(content: Content, schemas: Record<string, Schema>): Html {
  const schema = resolve(content['application/json']?.schema, schemas)
  const fields = Object.entries(schema?.properties ?? {})
  return html`<p>The body: ${Object.keys(content).join(' or ')}.</p>
    ${
      fields.length > 0 &&
      table(
        'Field',
        fields.map(([name, field]) => row(name, code(field))),
      )
    }
    ${examplesOf(content)}`
}

/** Returns the schema itself, not a reference to it. */
function resolve(schema: Schema | undefined, schemas: Record<string, Schema>) {
  const found = schema && '$ref' in schema ? schemas[schema.$ref.slice(SCHEMAS.length)] : schema
  return found && !('$ref' in found) ? found : undefined
}

function row(name: string, content: Html | string): Html {
  return html`<tr>
    <td><code>${name}</code></td>
    <td>${content}</td>
  </tr>`
}

function examplesOf(content: Content): Html[] {
  return Object.values(content).flatMap(({ example }) => {
    if (example === undefined) return []
    const text = typeof example === 'string' ? example : JSON.stringify(example, null, 2)
    return html`<pre>${text}</pre>`
  })
}

function code(schema: object | undefined): Html {
  return html`<code>${JSON.stringify(schema)}</code>`
}

/** Returns a text whose parts in backticks are code. */
function prose(text = ''): Html[] {
  return text
    .split('`')
    .map((part, at) => (at % 2 === 0 ? html`${part}` : html`<code>${part}</code>`))
}
