import { Hono } from 'hono'
import type { SandboxPool } from 'hono-sandbox'
import { discount } from './discount.js'
import type { Store } from './shop.js'
import { shop } from './shop.js'

/** Creates the app: the routes that it had before, and the one that runs code. */
export function createApp(store: Store, pool?: SandboxPool) {
  return new Hono().route('/', shop(store)).route('/', discount(store, pool))
}
