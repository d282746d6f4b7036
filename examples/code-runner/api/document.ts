import type { Hono } from 'hono'
import type { Env, Schema } from 'hono/types'
import { generateSpecs } from 'hono-openapi'
import type { OpenAPIV3_1 } from 'openapi-types'

const DESCRIPTION =
  'Runs Python, JavaScript and TypeScript in containers. Each error has the body `{ "error": { "code", "message" } }`. A path that exists, but not with the method of the request, answers 405, and its header `Allow` has the methods.'

/** The requirements of which a request fulfils one. */
const SECURITY: OpenAPIV3_1.SecurityRequirementObject[] = [{ token: [] }, { login: [] }]

/** The parts of the OpenAPI document that do not belong to a route. */
const DOCUMENTATION = {
  info: { title: 'Code runner', version: '1.0.0', description: DESCRIPTION },
  security: SECURITY,
  tags: [
    { name: 'Runs', description: 'Each run has a container of its own.' },
    { name: 'Sessions', description: 'A cookie keeps the session of a browser.' },
    { name: 'Files', description: 'The files of a session.' },
    { name: 'Server' },
  ],
  components: {
    securitySchemes: {
      token: {
        type: 'http' as const,
        scheme: 'bearer',
        description: 'The value of CODE_RUNNER_TOKEN, if the server has one.',
      },
      login: {
        type: 'apiKey' as const,
        in: 'cookie',
        name: 'code_runner_login',
        description: 'The cookie of a browser that has logged in at /login.',
      },
    },
  },
}

/** Makes the OpenAPI document of an app from the descriptions of its routes. */
export function documentOf<E extends Env, S extends Schema, B extends string>(app: Hono<E, S, B>) {
  return generateSpecs(app, { documentation: DOCUMENTATION, defaultValidationErrorResponse: false })
}

export type ApiDocument = Awaited<ReturnType<typeof documentOf>>
