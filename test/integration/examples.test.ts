import { expect, it } from 'vitest'
import { createApp } from '../../examples/minimal/app.js'
import { createApp as createShop } from '../../examples/next-to-your-app/app.js'
import { usePool } from '../helpers/engine.js'

const pool = usePool({ runtime: 'runc', languages: { python: { size: 1, max: 2 } } })

it('the minimal example runs a program', async () => {
  const app = createApp(pool())
  const response = await app.request('/run', { method: 'POST', body: 'print(6 * 7)' })
  expect(await response.json()).toMatchObject({ exitCode: 0, stdout: '42\n' })
})

it('the shop calls a function of the merchant', async () => {
  const store = {
    orders: new Map([['1', { id: '1', quantity: 12, unitPrice: 5 }]]),
    discountCode: 'def discount(order): return 0.5 if order["quantity"] > 10 else 0',
  }
  const app = createShop(store, pool())
  const response = await app.request('/orders/1/discount', { method: 'POST' })
  expect(await response.json()).toEqual({ id: '1', total: 30 })
})
