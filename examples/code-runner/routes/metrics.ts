import { Hono } from 'hono'
import { describe } from '../api/describe.js'
import { printMetrics } from '../operator/metrics.js'

/** The route for Prometheus, `GET /metrics`. */
export function metrics() {
  return new Hono().get('/metrics', describeMetrics, printMetrics)
}

const describeMetrics = describe({
  operationId: 'metrics',
  summary: 'Sends the metrics of the pool, the requests and the process, for Prometheus.',
  tags: ['Server'],
  responses: {
    200: {
      description: 'The metrics.',
      content: { 'text/plain': { schema: { type: 'string' } } },
    },
  },
})
