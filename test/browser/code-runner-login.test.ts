import { createServer } from 'node:http'
import { once } from 'node:events'
import { describe, expect, it, onTestFinished } from 'vitest'
import { TOKEN, useApp } from '../helpers/code-runner-app.js'
import { urlOf } from '../helpers/http.js'
import { useBrowser } from './chromium.js'

// Variables of the page.
declare const document: { cookie: string; forms: { submit(): void }[] }
declare class WebSocket {
  constructor(url: string)
  addEventListener(type: string, listener: () => void): void
}

/** Opens the WebSocket of a server from the page. */
const connect = (server: string) =>
  new Promise<string>((resolve) => {
    const socket = new WebSocket(`${server.replace('http', 'ws')}/run/interactive`)
    socket.addEventListener('open', () => resolve('open'))
    socket.addEventListener('error', () => resolve('refused'))
  })

describe('the login of the code runner in a browser', () => {
  const app = useApp({ CODE_RUNNER_TOKEN: TOKEN })
  const open = useBrowser()

  it('leads from a page to the form, and with the token to the pages and the WebSocket', async () => {
    const { page, problems } = await open(`${app().url}/docs`)
    expect(page.url()).toBe(`${app().url}/login`)
    await page.fill('input', 'wrong')
    await page.click('button')
    expect(await page.textContent('[role=alert]')).toBe('This token is wrong.')
    expect(await page.evaluate(connect, app().url)).toBe('refused')
    await page.fill('input', TOKEN)
    await page.click('button')
    await page.waitForURL(`${app().url}/`)
    await page.goto(`${app().url}/docs`)
    expect(await page.textContent('h1')).toBe('Code runner')
    expect(await page.evaluate(connect, app().url)).toBe('open')
    expect(problems.filter((problem) => problem.includes('Content Security Policy'))).toEqual([])
    // No script can read the cookie.
    expect(await page.evaluate(() => document.cookie)).toBe('')
  })

  it('cannot be used by a page of another site', async () => {
    const { page } = await open(`${app().url}/login`)
    await page.fill('input', TOKEN)
    await page.click('button')
    await page.waitForURL(`${app().url}/`)
    const evil = createServer((_, response) => {
      response.setHeader('content-type', 'text/html')
      response.end(`<form method="post" action="${app().url}/logout"></form>`)
    }).listen(0, '127.0.0.1')
    await once(evil, 'listening')
    onTestFinished(() => void evil.close())
    await page.goto(urlOf(evil).replace('127.0.0.1', 'localhost'))
    expect(await page.evaluate(connect, app().url)).toBe('refused')
    const answer = page.waitForResponse(`${app().url}/logout`)
    await page.evaluate(() => document.forms[0]?.submit())
    expect((await answer).status()).toBe(403)
    await page.waitForURL(`${app().url}/logout`)
    await page.goto(`${app().url}/docs`)
    expect(page.url()).toBe(`${app().url}/docs`)
  })
})
