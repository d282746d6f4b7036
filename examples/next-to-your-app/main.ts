import { serve } from '@hono/node-server'
import { closeSandboxes, initSandboxes } from 'hono-sandbox'
import { createApp } from './app.js'

const store = {
  orders: new Map([['1', { id: '1', quantity: 12, unitPrice: 5 }]]),
  discountCode: 'def discount(order): return 0.1 if order["quantity"] >= 10 else 0',
}

// The app starts without the engine, too: the pool tries again, and the shop works meanwhile.
await initSandboxes({ languages: { python: { size: 1, max: 4 } } })
const server = serve({ fetch: createApp(store).fetch, port: 3000, hostname: '127.0.0.1' })

process.once('SIGTERM', () => {
  server.close()
  void closeSandboxes({ deadlineMs: 5000 }).finally(() => process.exit(0))
})
