import { results } from 'hono-sandbox/testing'
import { expect, it, onTestFinished } from 'vitest'
import { createApp } from '../../../examples/next-to-your-app/app.js'
import { poolOfTest } from '../fakes/test-pool.js'

const STORE = {
  orders: new Map([['1', { id: '1', quantity: 12, unitPrice: 5 }]]),
  discountCode: 'def discount(order): ...',
}

function shopOfTest() {
  const pool = poolOfTest()
  onTestFinished(() => pool.close())
  const app = createApp(STORE, pool)
  return { pool, app, discount: () => app.request('/orders/1/discount', { method: 'POST' }) }
}

it('the shop applies the discount of the code', async () => {
  const { pool, discount } = shopOfTest()
  pool.onCode(STORE.discountCode, results.value(0.1))
  expect(await (await discount()).json()).toEqual({ id: '1', total: 54 })
  expect(pool.runs.at(-1)).toMatchObject({ call: { entry: 'discount' } })
})

it('an order has its full price if the code gives no valid discount', async () => {
  const { pool, discount } = shopOfTest()
  pool.onCode(STORE.discountCode, results.value(-5))
  expect(await (await discount()).json()).toMatchObject({
    total: 60,
    problem: expect.any(String),
  })
})

it('the other routes of the shop work without an engine', async () => {
  const { pool, app, discount } = shopOfTest()
  pool.on('launchFailed', () => {})
  pool.loseEngine()
  await pool.start()
  expect((await discount()).status).toBe(503)
  expect(await (await app.request('/orders')).json()).toHaveLength(1)
  expect((await app.request('/orders/2')).status).toBe(404)
})
