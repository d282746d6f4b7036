import { Hono } from 'hono'
import type { SandboxPool } from 'hono-sandbox'
import { describe, json } from '../api/describe.js'
import { LanguageList } from '../api/schemas.js'
import { LANGUAGES } from '../requests/languages.js'
import { poolOf } from './pool-of.js'
import { Versions } from './versions.js'

const TITLES = { python: 'Python', nodejs: 'JavaScript', typescript: 'TypeScript' }

/** The languages of the server: `GET /languages`. */
export function languages(given?: SandboxPool) {
  const versions = new Versions()
  return new Hono().get('/languages', describeLanguages, async (c) => {
    const pool = poolOf(given)
    const stats = pool?.stats() ?? {}
    const list = LANGUAGES.flatMap((name) => {
      const state = stats[name]
      return state
        ? { name, title: TITLES[name], image: state.image, runtime: state.runtime ?? null }
        : []
    })
    const languages = await Promise.all(
      list.map(async ({ name, title, image, runtime }) => {
        const version = await versions.of({ name, image }, pool)
        return { name, title, version, image, runtime }
      }),
    )
    return c.json({ languages }, 200)
  })
}

const describeLanguages = describe({
  operationId: 'languages',
  summary: 'Lists the languages.',
  description:
    '`version` is the version of the interpreter; null if no container was free to ask for it.',
  tags: ['Server'],
  responses: {
    200: json('The languages.', LanguageList, {
      languages: [
        {
          name: 'python',
          title: 'Python',
          version: '3.13.5',
          image: 'python:3.13-slim',
          runtime: 'runsc',
        },
      ],
    }),
  },
})
