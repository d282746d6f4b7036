import { describeRoute, resolver } from 'hono-openapi'
import type { DescribeRouteOptions, ResolverReturnType } from 'hono-openapi'
import type { GenericSchema } from 'valibot'
import { ERRORS } from './error-examples.js'
import { ErrorAnswer } from './schemas.js'

type ErrorStatus = keyof typeof ERRORS

/** The errors of every route that needs a token. */
const COMMON: readonly ErrorStatus[] = [401, 403, 429, 500]

/** The description of a route. `errors` are the statuses that not every route has. */
interface Description extends Omit<DescribeRouteOptions, 'operationId' | 'summary'> {
  operationId: string
  summary: string
  errors?: readonly ErrorStatus[]
}

/** Describes a route in the OpenAPI document. Adds the errors that all routes have. */
export function describe({ errors = [], responses, ...rest }: Description) {
  const statuses = [...COMMON, ...errors].sort((one, other) => one - other)
  return describeRoute({ ...rest, responses: { ...responses, ...errorsOf(statuses) } })
}

/** Describes a route that every client may use as often as it likes. */
export function describeOpen({ errors = [], responses, ...rest }: Description) {
  return describeRoute({
    ...rest,
    security: [],
    responses: { ...responses, ...errorsOf([403, ...errors]) },
  })
}

/** A JSON response with an example. */
export function json(description: string, schema: GenericSchema, example: object) {
  return { description, content: { 'application/json': { schema: schemaOf(schema), example } } }
}

/** The JSON schema of bytes. */
const BYTES = { type: 'string', contentMediaType: 'application/octet-stream' }

/** The JSON schema of the input of a valibot schema. */
export function schemaOf(schema: GenericSchema): ResolverReturnType {
  // Checks without a counterpart in JSON schema, such as those of characters, are left out.
  return resolver(schema, {
    options: {
      typeMode: 'input',
      errorMode: 'ignore',
      overrideSchema: ({ valibotSchema }: { valibotSchema: { type: string } }) =>
        valibotSchema.type === 'blob' ? BYTES : undefined,
    },
  })
}

function errorsOf(statuses: readonly ErrorStatus[]) {
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      json(ERRORS[status].description, ErrorAnswer, ERRORS[status].example),
    ]),
  )
}
