import { Hono } from 'hono'
import { layout, PLAIN_CSS } from '../html/layout.js'
import { reference } from './reference.js'
import type { ApiDocument } from './document.js'

/** The description of the API: `GET /openapi.json` for programs, and `GET /docs` for people. */
export function docs(describeApi: () => Promise<ApiDocument>): Hono {
  let made: Promise<ApiDocument> | undefined
  const document = () => (made ??= describeApi())
  return new Hono()
    .get('/openapi.json', async (c) => c.json(await document()))
    .get('/docs', async (c) =>
      c.html(layout('The API of the code runner', reference(await document()))),
    )
}

/** The style of the pages without scripts: `GET /plain.css`. */
export function plainCss() {
  return new Hono().get('/plain.css', (c) => c.body(PLAIN_CSS, 200, { 'Content-Type': 'text/css' }))
}
