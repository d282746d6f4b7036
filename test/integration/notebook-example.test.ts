import { once } from 'node:events'
import { serve } from '@hono/node-server'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createApp } from '../../examples/notebook/app.js'
import { Browser } from '../helpers/browser.js'
import { runtimes, usePool } from '../helpers/engine.js'
import { urlOf } from '../helpers/http.js'
import { until } from '../helpers/until.js'

const SECRET = 'a secret of tests, which is long enough'
const PLOT = 'import matplotlib.pyplot as plt\nplt.plot([0, x])\nplt.show()\nx'
const Cell = v.looseObject({ text: v.optional(v.string()), plots: v.array(v.string()) })
const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47])

describe.each(runtimes)('the notebook example under %s', (runtime) => {
  const image = 'hono-sandbox/python-data:bookworm'
  const preload = ['numpy', 'matplotlib.pyplot']
  const python = { image, preload, memory: '512m', size: 2, max: 4 }
  const pool = usePool({ runtime, languages: { python }, evictIdle: true })
  let server: ReturnType<typeof serve> | undefined
  let url = ''
  beforeAll(async () => {
    const { fetch } = createApp(SECRET, pool())
    server = serve({ fetch, port: 0, hostname: '127.0.0.1' })
    await once(server, 'listening')
    url = urlOf(server)
  })
  afterAll(() => void server?.close())

  const run = async (browser: Browser, code: string) => {
    const answer = await browser.post('/cells', code)
    expect(answer.status).toBe(200)
    return v.parse(Cell, await answer.json())
  }
  const isRunning = async () =>
    until('a request is in a session', () =>
      pool()
        .listSessions()
        .some((each) => each.requests > 0),
    )

  it('keeps the variables of two users over 30 cells, also if one leaves in a cell', async () => {
    const notebook = async (seed: number, leaves: boolean) => {
      const browser = new Browser(url)
      let x = seed
      expect(await run(browser, `x = ${seed}\nx`)).toMatchObject({ text: String(seed) })
      for (let cell = 1; cell < 30; cell++) {
        if (leaves && cell % 10 === 0) {
          const endless = `y = ${cell}\nwhile True: pass`
          await browser.postAndLeave('/cells', endless, isRunning)
        }
        x += cell
        const code = cell % 10 === 5 ? `x += ${cell}\n${PLOT}` : `x += ${cell}\nx`
        const result = await run(browser, code)
        expect(result).toMatchObject({ text: String(x) })
        expect(result.plots).toHaveLength(cell % 10 === 5 ? 1 : 0)
        for (const png of result.plots) {
          expect(Buffer.from(png, 'base64').subarray(0, 4)).toEqual(PNG)
        }
      }
    }
    await Promise.all([notebook(1000, true), notebook(5000, false)])
    expect(pool().listSessions()).toHaveLength(2)
  }, 120_000)

  it('interrupts a cell, and restarts a notebook', async () => {
    const browser = new Browser(url)
    await run(browser, 'x = 1')
    let isOver = false
    const cell = run(browser, 'while True: pass').finally(() => (isOver = true))
    await until('the cell is interrupted', async () => {
      expect((await browser.post('/interrupt')).status).toBe(204)
      return isOver
    })
    expect(await cell).toMatchObject({ killedBy: 'abort' })
    expect((await run(browser, 'x')).text).toBe('1')
    await browser.post('/restart')
    expect(await run(browser, 'x')).toMatchObject({
      error: "name 'x' is not defined",
      lost: 'ended',
    })
  })

  it('opens no notebook to interrupt or to restart it', async () => {
    const before = pool().listSessions()
    for (const path of ['/interrupt', '/restart']) {
      expect((await new Browser(url).post(path)).status).toBe(404)
    }
    expect(
      pool()
        .listSessions()
        .map(({ id }) => id),
    ).toEqual(before.map(({ id }) => id))
  })

  it('gives a cookie of its own to a browser with a forged or copied id', async () => {
    const ada = new Browser(url)
    await run(ada, 'x = "of ada"')
    const [name = '', signed = ''] = ada.cookie.split('=', 2)
    const [id] = decodeURIComponent(signed).split('.')
    for (const value of [id, `${id}.forged`, `${id}.${'A'.repeat(43)}=`, 'x.y', '']) {
      const answer = await fetch(`${url}/cells`, {
        method: 'POST',
        body: 'x',
        headers: { cookie: `${name}=${encodeURIComponent(value ?? '')}` },
      })
      expect(await answer.json()).toMatchObject({ error: "name 'x' is not defined" })
      const [cookie = ''] = answer.headers.getSetCookie()
      expect(cookie).toMatch(/HttpOnly/)
      expect(cookie).toMatch(/SameSite=Lax/)
      expect(cookie).not.toContain(id)
    }
  }, 120_000)
})
