import type { StandardJSONSchemaV1, StandardSchemaV1 } from '@standard-schema/spec'
import * as v from 'valibot'

/**
 * The schema of an object whose fields are all texts. SDKs read it as a Standard Schema or a JSON
 * Schema.
 */
export interface TextInputs<Name extends string> {
  readonly '~standard': StandardSchemaV1.Props<unknown, Record<Name, string>> &
    StandardJSONSchemaV1.Props<unknown, Record<Name, string>>
}

/** Makes a schema from the names and the descriptions of its fields. */
export function textInputs<Name extends string>(
  descriptions: Record<Name, string>,
): TextInputs<Name> {
  const names = Object.keys(descriptions)
  const message = `expected an object with texts: ${names.join(', ')}`
  const isInputs = (value: unknown): value is Record<Name, string> =>
    v.is(v.record(v.string(), v.string()), value) &&
    Object.keys(value).length === names.length &&
    names.every((name) => Object.hasOwn(value, name))
  const properties = Object.fromEntries(
    Object.entries(descriptions).map(([name, description]) => [
      name,
      { type: 'string', description },
    ]),
  )
  const json = () => ({
    type: 'object',
    properties,
    required: names,
    additionalProperties: false,
  })
  return {
    '~standard': {
      version: 1,
      vendor: 'hono-sandbox',
      // A result with issues must not have a value, because `ai` would use the value. A result of
      // valibot has both.
      validate: (value) => (isInputs(value) ? { value } : { issues: [{ message }] }),
      jsonSchema: { input: json, output: json },
    },
  }
}
