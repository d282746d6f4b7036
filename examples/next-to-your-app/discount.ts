import { Hono } from 'hono'
import type { SandboxPool } from 'hono-sandbox'
import { SandboxError } from 'hono-sandbox'
import { errorResponse, sandbox } from 'hono-sandbox/middleware'
import * as v from 'valibot'
import type { Store } from './shop.js'

const RULE_MS = 2000
const Discount = v.pipe(v.number(), v.minValue(0), v.maxValue(1))

/**
 * The new route: `POST /orders/:id/discount` calls the function `discount` of the merchant's code
 * with an order. The code can be wrong or hostile, so its value is checked, and without one the
 * order has its full price. If no sandbox is available, the other routes still work.
 */
export function discount({ orders, discountCode }: Store, pool?: SandboxPool) {
  const app = new Hono()
  app.onError((error, c) => {
    if (error instanceof SandboxError) return errorResponse(c, error)
    throw error
  })
  return app.post('/orders/:id/discount', sandbox({ pool, language: 'python' }), async (c) => {
    const order = orders.get(c.req.param('id'))
    if (!order) return c.json({ error: 'no such order' }, 404)
    const { id, quantity, unitPrice } = order
    const computed = await c.get('sandbox').call(discountCode, {
      entry: 'discount',
      args: [{ quantity, unitPrice }],
      schema: Discount,
      timeoutMs: RULE_MS,
    })
    const share = computed.ok ? computed.value : 0
    const total = quantity * unitPrice * (1 - share)
    return c.json({ id, total, problem: computed.ok ? undefined : computed.message })
  })
}
