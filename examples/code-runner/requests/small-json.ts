import type { HttpBindings } from '@hono/node-server'
import { createMiddleware } from 'hono/factory'
import * as v from 'valibot'
import { HeldBody, readText } from './body.js'
import { BadRequest } from './refusal.js'

const MAX_BYTES = 4096

interface JsonEnv {
  Bindings: HttpBindings
}

interface JsonInput<Schema extends v.GenericSchema> {
  in: { json: v.InferInput<Schema> }
  out: { json: v.InferOutput<Schema> }
}

/**
 * Returns a middleware that reads and validates a small JSON body, for `c.req.valid('json')`.
 * `expected` describes the body in the error.
 */
export function smallJson<Schema extends v.GenericSchema<object, object>>(
  schema: Schema,
  expected: string,
) {
  return createMiddleware<JsonEnv, string, JsonInput<Schema>>(async (c, next) => {
    const body = new HeldBody()
    try {
      const text = await readText(body, c.env.incoming, MAX_BYTES)
      const result = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text)
      if (!result.success) throw new BadRequest(`the body: expected ${expected}`)
      c.req.addValidatedData('json', result.output)
    } finally {
      body.release()
    }
    await next()
  })
}
