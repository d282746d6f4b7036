import { readFile } from 'node:fs/promises'
import { Hono } from 'hono'
import { compress } from 'hono/compress'
import { etag } from 'hono/etag'
import { html } from 'hono/html'
import type { SandboxPool } from 'hono-sandbox'
import { PlaygroundPage } from './playground-page.js'
import { poolEvents } from './pool-events.js'
import { PoolPage } from './pool-page.js'

/** The files in the folder `page` of the build, with their types. */
const FILES: Readonly<Record<string, string>> = {
  'playground.js': 'text/javascript; charset=utf-8',
  'pool.js': 'text/javascript; charset=utf-8',
  'style.css': 'text/css; charset=utf-8',
  'icon.svg': 'image/svg+xml',
}

/** Creates the routes of the pages: the playground at `/`, and the state of the pool at `/pool`. */
export function playground(pool?: SandboxPool) {
  return new Hono()
    .get('/', (c) => c.html(html`<!doctype html>${<PlaygroundPage />}`))
    .get('/pool', (c) => c.html(html`<!doctype html>${<PoolPage />}`))
    .get('/pool/events', poolEvents(pool))
    .get('/page/:file', compress(), etag(), async (c) => {
      const file = c.req.param('file')
      const type = Object.hasOwn(FILES, file) ? FILES[file] : undefined
      if (type === undefined) return c.notFound()
      const bytes = await readFile(new URL(`../page/${file}`, import.meta.url))
      return c.body(new Uint8Array(bytes), 200, {
        'content-type': type,
        'cache-control': 'no-cache',
      })
    })
}
