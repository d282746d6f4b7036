import { connect } from 'node:net'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { stream } from 'hono/streaming'
import { onResponseClose } from 'hono-sandbox/middleware'
import { describe, expect, it, onTestFinished } from 'vitest'
import { until } from '../../helpers/until.js'

/** Starts a server that records the end of each response with its path. */
async function start() {
  const begun: string[] = []
  const ends: string[] = []
  const app = new Hono()
    .use(async (c, next) => {
      begun.push(c.req.path)
      onResponseClose(c, (end) => ends.push(`${c.req.path} ${end}`))
      await next()
    })
    .get('/done', (c) => c.text('done'))
    .get('/fails', () => {
      throw new Error('no')
    })
    .get('/open/*', (c) =>
      stream(c, async (body) => {
        await body.write('begun')
        await new Promise<void>((resolve) => {
          body.onAbort(resolve)
        })
      }),
    )
    .onError((_, c) => c.text('failed', 500))
  const port = await new Promise<number>((resolve) => {
    const options = { fetch: app.fetch, port: 0, hostname: '127.0.0.1' }
    const server = serve(options, (address) => resolve(address.port))
    onTestFinished(() => void server.close())
  })
  return { begun, ends, port }
}

describe('onResponseClose', () => {
  it('reports "released" for a success and for an error that the app answers', async () => {
    const { ends, port } = await start()
    for (const path of ['/done', '/fails']) {
      const response = await fetch(`http://127.0.0.1:${port}${path}`)
      await response.text()
    }
    await until('both responses are over', () => ends.length === 2)
    expect(ends).toEqual(['/done released', '/fails released'])
  })

  it('reports "aborted" once for each pipelined response of a closed connection', async () => {
    const { begun, ends, port } = await start()
    const client = connect(port, '127.0.0.1')
    const request = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
    client.write(request('/open/1') + request('/open/2') + request('/open/3'))
    await until('all requests have come', () => begun.length === 3)
    client.destroy()
    await until('all responses are over', () => ends.length === 3)
    expect(ends.sort()).toEqual(['/open/1 aborted', '/open/2 aborted', '/open/3 aborted'])
  })

  it('reports "aborted" if the signal of a request without a socket aborts', async () => {
    const ends: string[] = []
    const app = new Hono().get('/', (c) => {
      onResponseClose(c, (end) => ends.push(end))
      return c.text('done')
    })
    const abort = new AbortController()
    await app.request('/', { signal: abort.signal })
    expect(ends).toEqual([])
    abort.abort()
    expect(ends).toEqual(['aborted'])
  })
})
