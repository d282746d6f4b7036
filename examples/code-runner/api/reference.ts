import { html } from 'hono/html'
import type { OpenAPIV3_1 } from 'openapi-types'
import type { Html } from '../html/layout.js'
import type { ApiDocument } from './document.js'

type Operation = OpenAPIV3_1.OperationObject
type Content = Record<string, { example?: unknown }>

const METHODS = ['get', 'put', 'post', 'delete'] as const

/** Returns the content of the reference page: each operation of the document, by its tag. */
export function reference(document: ApiDocument): Html {
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation = item[method]
      return operation ? { name: `${method.toUpperCase()} ${path}`, operation } : []
    }),
  )
  return html`<h1>${document.info.title}</h1>
    <p>${document.info.description}</p>
    <p><a href="/openapi.json">The OpenAPI document</a></p>
    ${document.tags.map(
      (tag) =>
        html`<h2>${tag.name}</h2>
          <p>${tag.description}</p>
          ${operations
            .filter(({ operation }) => operation.tags?.includes(tag.name))
            .map(({ name, operation }) => section(name, operation))}`,
    )}`
}

function section(name: string, operation: Operation): Html {
  const { operationId, summary, description, requestBody, responses = {} } = operation
  return html`<section id="${operationId}">
    <h3><code>${name}</code></h3>
    <p>${summary} ${description}</p>
    ${requestBody && 'content' in requestBody && bodyOf(requestBody)}
    <table>
      <tr>
        <th>Status</th>
        <th>Answer</th>
      </tr>
      ${Object.entries(responses).map(([status, response]) => row(status, response))}
    </table>
  </section>`
}

function bodyOf({ content }: OpenAPIV3_1.RequestBodyObject): Html {
  return html`<p>The body: ${Object.keys(content).join(' or ')}.</p>
    ${examplesOf(content)}`
}

function row(
  status: string,
  response: OpenAPIV3_1.ResponseObject | OpenAPIV3_1.ReferenceObject,
): Html {
  const { description = '' } = response
  return html`<tr>
    <td>${status}</td>
    <td>${description} ${'content' in response && examplesOf(response.content ?? {})}</td>
  </tr>`
}

function examplesOf(content: Content): Html[] {
  return Object.values(content).flatMap(({ example }) =>
    example === undefined
      ? []
      : html`<pre>
${typeof example === 'string' ? example : JSON.stringify(example, null, 2)}</pre>`,
  )
}
