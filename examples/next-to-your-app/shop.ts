import { Hono } from 'hono'

/** An order of the shop. */
interface Order {
  id: string
  quantity: number
  unitPrice: number
}

/** The data of the shop. Your app has a database. */
export interface Store {
  orders: Map<string, Order>
  /** The code of the merchant, which computes discounts. */
  discountCode: string
}

/** The routes that the app had before. They know nothing of sandboxes. */
export function shop({ orders }: Store) {
  return new Hono()
    .get('/orders', (c) => c.json([...orders.values()]))
    .get('/orders/:id', (c) => {
      const order = orders.get(c.req.param('id'))
      return order ? c.json(order) : c.json({ error: 'no such order' }, 404)
    })
}
