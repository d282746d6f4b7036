import { readFile } from 'node:fs/promises'
import { deflateRawSync } from 'node:zlib'
import type { BrowserContextOptions } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { until } from '../helpers/until.js'
import { attackHtml, attackProgram, clickAll, clickRaw } from './attack.js'
import { leavingHtml, loadingHtml, Trap } from './attack.js'
import { useBrowser } from './chromium.js'
import { belowView, drop, isTooWide, violationsOf } from './page-checks.js'
import { Playground, usePlaygrounds } from './playground-site.js'

const PHONE = { viewport: { width: 360, height: 740 } }
const DARK = { colorScheme: 'dark' } as const
const SHOWS = `import pandas as pd
import matplotlib.pyplot as plt
display({'application/json': {'a': [1]}}, raw=True)
plt.plot([1, 3, 2])
plt.show()
pd.DataFrame({'city': ['Bern', 'Lyon'], 'units': [3, 4]})`

describe('the playground', () => {
  const runner = usePlaygrounds()
  const openPage = useBrowser()
  const open = async (path = '/', options: BrowserContextOptions = {}) =>
    new Playground(await openPage(runner().url + path, options)).isReady()

  it('runs the first example by Ctrl-Enter, and shows plots, tables and JSON', async () => {
    const user = await open()
    await user.page.keyboard.press('Control+Enter')
    expect(await user.ending()).toMatch(/^Finished: exit code 0 .*1 result$/)
    expect(await user.page.locator('#output img').getAttribute('src')).toMatch(/^data:image.png/)
    expect(await user.run(SHOWS)).toContain('3 results')
    await user.page.frameLocator('iframe').getByRole('cell', { name: 'Lyon' }).waitFor()
    expect(await user.page.locator('#output pre').innerText()).toContain('"a": [')
    expect(await violationsOf(user.page)).toEqual([])
    await user.picture('results')
    expect(user.problems).toEqual([])
  })

  it('shows output as it comes, and sends input while the program runs', async () => {
    const user = await open()
    const code = `import sys
print('<b>one</b>', flush=True)
print('two', file=sys.stderr, flush=True)
print(input('name? ').upper())
print(len(sys.stdin.read()))`
    await user.start(code)
    await user.prints('<b>one</b>')
    await user.page.locator('#output .stderr', { hasText: 'two' }).waitFor()
    await user.page.getByLabel('Input', { exact: true }).fill('ada')
    await user.page.keyboard.press('Enter')
    await user.prints('ADA')
    await user.picture('input')
    await user.page.getByRole('button', { name: 'End of input' }).click()
    expect(await user.ending()).toMatch(/^Finished: exit code 0/)
    expect(user.problems).toEqual([])
  })

  it('stops a program: by an interrupt, by a kill, and by the time limit', async () => {
    const user = await open()
    const stop = () => user.page.locator('#stop').click()
    await user.start(`try:
    print('go', flush=True)
    while True: pass
except KeyboardInterrupt: print('interrupted')`)
    await user.prints('go')
    await stop()
    expect(await user.ending()).toMatch(/^Finished: .*2 lines$/)
    await user.start(`import signal
signal.signal(signal.SIGINT, lambda *_: print('no', flush=True))
print('again', flush=True)
while True: pass`)
    await user.prints('again')
    await stop()
    await user.prints('no')
    await stop()
    expect(await user.ending()).toContain('stopped by you')
    await user.page.selectOption('#limit', '2000')
    expect(await user.run('while True: pass')).toContain('stopped at the time limit')
    expect(user.problems).toEqual([])
  })

  it.each([
    ['python', 'def half(x):\n    return x / 0\n\nhalf(1)', 'ZeroDivisionError on line 2'],
    ['typescript', 'const a: number = 1\n\nthrow new TypeError("no" + a)', 'TypeError on line 3'],
  ])('marks the line of an error of %s', async (language, code, place) => {
    const user = await open()
    await user.page.selectOption('#language', language)
    expect(await user.run(code)).toContain(place)
    const line = code.split('\n')[Number(place.at(-1)) - 1]
    expect(await user.page.locator('.error-line').innerText()).toBe(line)
    await user.picture(`error-${language}`)
    expect(user.problems).toEqual([])
  })

  it('shares a program by a link, which fills the editor and runs nothing', async () => {
    const user = await open()
    const code = 'console.log("ünï + /")\n'.repeat(50)
    await user.page.selectOption('#language', 'nodejs')
    await user.write(code)
    await user.page.getByRole('button', { name: 'Copy link' }).click()
    await user.page.waitForURL(/#nodejs:/)
    const requests: string[] = []
    const other = await openPage('about:blank')
    other.page.on('request', (request) => requests.push(request.url()))
    other.page.on('websocket', (socket) => requests.push(socket.url()))
    await other.page.goto(user.page.url())
    const guest = await new Playground(other).isReady()
    expect(await guest.page.locator('.cm-line').first().innerText()).toBe('console.log("ünï + /")')
    expect(await guest.page.locator('#language').inputValue()).toBe('nodejs')
    expect(await guest.page.locator('#status').innerText()).toBe('Ready')
    expect(requests.filter((url) => /run|session/.test(url))).toEqual([])
    expect([...user.problems, ...guest.problems]).toEqual([])
  })

  it('takes files that are dropped, and lets the user save the files of a run', async () => {
    const user = await open()
    const { page } = user
    await page.evaluate(drop, { name: 'in.txt', text: 'hello' })
    await page.locator('#files', { hasText: 'in.txt' }).waitFor()
    const code = `open('out.txt', 'w').write(open('in.txt').read().upper() + input())`
    await user.start(code)
    await page.getByLabel('Input', { exact: true }).fill('!')
    await page.keyboard.press('Enter')
    await user.ending()
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Download out.txt' }).click()
    expect(await readFile(await (await download).path(), 'utf8')).toBe('HELLO!')
    // More than the 1 MiB of a message of a WebSocket.
    await page.evaluate(drop, { name: 'big.txt', text: 'x'.repeat(1_500_000) })
    await page.locator('#files', { hasText: 'big.txt' }).waitFor()
    const size = `open('size.txt', 'w').write(str(len(open('big.txt').read())))`
    expect(await user.run(size)).toContain('exit code 0')
    await page.locator('#files', { hasText: 'size.txt' }).waitFor()
    await user.picture('files')
    expect(user.problems).toEqual([])
  })

  it('keeps the variables and the code of a notebook over a reload', async () => {
    const user = await open()
    const { page } = user
    await page.getByLabel('Notebook').check()
    expect(await user.run('x = 41\nopen("kept.txt", "w").close()', 1)).toContain('exit code 0')
    await page.reload()
    await user.isReady()
    await page.locator('#files', { hasText: 'kept.txt' }).waitFor()
    await page.getByRole('button', { name: 'Add a cell' }).click()
    await user.run('x += 1\nx', 2)
    expect(await page.locator('.cell').nth(1).locator('.result').innerText()).toBe('42')
    await user.start('print(600 + 66, flush=True)\nwhile True: pass', 1)
    await page.locator('.cell', { hasText: '666' }).waitFor()
    await page.locator('#stop').click()
    expect(await user.ending()).toContain('stopped by you')
    expect(await user.run('x / 0', 2)).toContain('ZeroDivisionError on line 1')
    await page.evaluate(drop, { name: 'dropped.txt', text: 'in a session' })
    await page.locator('#files', { hasText: 'dropped.txt' }).waitFor()
    expect(await user.run('print(open("dropped.txt").read(), x)', 2)).toContain('exit code 0')
    expect(await page.locator('.cell').nth(1).innerText()).toContain('in a session 42')
    expect(await violationsOf(page)).toEqual([])
    await user.picture('notebook')
    await page.getByRole('button', { name: 'Restart the session' }).click()
    expect(await user.run('x', 2)).toContain('NameError')
    expect(user.problems).toEqual([])
  })

  it.each([
    ['light', PHONE],
    ['dark', { ...PHONE, ...DARK }],
  ])('fits a phone, %s', async (name, options) => {
    const user = await open('/', options)
    const code = `${SHOWS}\nprint('x' * 300)\n1 / 0`
    expect(await user.run(code)).toContain('ZeroDivisionError on line 8')
    expect(await user.page.evaluate(isTooWide)).toBe(false)
    expect(await violationsOf(user.page)).toEqual([])
    await user.picture(`phone-${name}`)
    expect(user.problems).toEqual([])
  })

  it('gives the results of a program no rights', async () => {
    const user = await open()
    const { page } = user
    const trap = await Trap.ofTest()
    const rawTrap = await Trap.ofTest()
    const control = await Trap.ofTest()
    const events: string[] = []
    await page.getByLabel('Notebook').check()
    await user.run('"a session has a cookie"', 1)
    const cookies = await page.context().cookies()
    expect(cookies.map(({ httpOnly }) => httpOnly)).toEqual([true])
    await page.getByLabel('Notebook').uncheck()
    const before = [page.url(), await page.title()]
    page.on('dialog', (dialog) => events.push(dialog.message()))
    page.on('popup', (popup) => events.push(popup.url()))
    page.on('download', (download) => events.push(download.url()))
    page.on('response', (response) => {
      if (response.url().startsWith('http')) events.push(response.url())
    })

    await user.run(attackProgram(trap.url))
    await clickAll(page)
    const element = await page.locator('#output iframe').elementHandle()
    expect(await element?.getAttribute('sandbox')).toBe('')
    expect(await (await element?.contentFrame())?.evaluate('self.origin')).toBe('null')
    await clickRaw(page, attackHtml(rawTrap.url))

    // The same HTML in a page without guards reaches the server in many ways.
    const other = await openPage(control.url)
    const paths = ['/css', '/img', '/script', '/iframe', '/object', '/import', '/video', '/svg']
    const untilCaught = (path: string) =>
      until(`the control has ${path}`, () => control.requests.some((line) => line.includes(path)))
    await other.page.setContent(loadingHtml(control.url), { waitUntil: 'commit' })
    for (const path of paths) await untilCaught(path)
    await other.page.goto(control.url)
    await other.page.setContent(leavingHtml(control.url), { waitUntil: 'commit' })
    await untilCaught('/form')

    expect(trap.caught).toEqual([])
    expect(rawTrap.requests).toEqual([])
    expect(events).toEqual([])
    expect([page.url(), await page.title()]).toEqual(before)
    expect(await page.evaluate('window.pwned')).toBeUndefined()
    await user.picture('attack')
  })

  it('keeps working when a program shows results that are too large', async () => {
    const user = await open()
    const code = `display({'text/html': '<div>' * 200_000, 'text/plain': 'in short'}, raw=True)
for i in range(9): display({'text/plain': 'x\\n' * 400_000}, raw=True)
display({'application/json': list(range(200_000))}, raw=True)
display({'application/json': {'filesOfRun': [{'path': str(i), 'content': ''} for i in range(4000)]}}, raw=True)
print('at the end', end='')`
    expect(await user.run(code)).toMatch(/exit code 0 .*, 1 line, 11 results$/)
    const output = await user.page.locator('#output').innerText()
    expect(output).toMatch(/The text goes on[^]*at the end$/)
    expect(output.length).toBeLessThan(500_000)
    expect(await user.page.locator('#files li').count()).toBe(20)
    expect(await user.run(code.split('\n', 1)[0] ?? '')).toContain('1 result')
    expect(await user.page.locator('#output').innerText()).toBe('in short\n\nhtml: too large')
    expect(user.problems).toEqual([])
  })

  it('follows the end of the output past pictures, until the user scrolls away', async () => {
    const user = await open()
    const { page } = user
    const picture = '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="900"></svg>'
    await user.start(`display({'image/svg+xml': '${picture}'}, raw=True)
input()
print('the end', flush=True)
input()
print('later\\n' * 99)`)
    const output = page.locator('#output')
    await output.locator('img').waitFor()
    await page.getByLabel('Input', { exact: true }).press('Enter')
    await output.getByText('the end').waitFor()
    const below = () => output.evaluate(belowView)
    await until('the end is in view', async () => (await below()) < 9)
    await output.hover()
    await page.mouse.wheel(0, -9000)
    await until('the user has scrolled', async () => (await below()) > 500)
    await page.getByLabel('Input', { exact: true }).press('Enter')
    await user.ending()
    expect(await below()).toBeGreaterThan(1500)
    expect(user.problems).toEqual([])
  })

  it('opens a shared program by a link of another site', async () => {
    const site = await Trap.ofTest()
    const { page } = await openPage(site.url)
    const packed = deflateRawSync('print(7)').toString('base64url')
    const link = `${runner().url}/#python:${packed}`
    await page.setContent(`<a href="${link}">a program</a>`)
    await page.getByText('a program').click()
    await page.waitForSelector('body[data-ready]')
    expect(page.url()).toBe(link)
    expect(await page.locator('.cm-content').first().innerText()).toBe('print(7)')
  })

  it('shows the pool live, and ends its streams when the server drains', async () => {
    const { page, problems } = new Playground(await openPage(`${runner().url}/pool`))
    const python = page.getByRole('article', { name: 'python' })
    const numberOf = async (name: string) =>
      Number(await python.locator(`[data-name=${name}] dd`).innerText())
    await page.getByText('Live').waitFor()
    const aborted = async () => Number(/aborted (\d+)|$/.exec(await python.innerText())?.[1] ?? 0)
    const before = { aborted: await aborted(), leased: await numberOf('leased') }
    const leave = new AbortController()
    const stream = await runner().stream(
      { language: 'python', code: 'import time; time.sleep(50)', timeoutMs: 60_000 },
      { signal: leave.signal },
    )
    await until('the page shows a lease', async () => (await numberOf('leased')) > before.leased)
    leave.abort()
    await stream.text().catch(() => {})
    await until('the page shows the end', async () => (await aborted()) > before.aborted)
    await until('the page shows an idle container', async () => (await numberOf('idle')) > 0)
    expect(await python.getByRole('img').getAttribute('aria-label')).toMatch(/idle.*of at most/)
    expect(await violationsOf(page)).toEqual([])
    expect(problems).toEqual([])

    const watch = () => fetch(`${runner().url}/pool/events`)
    const watchers = await Promise.all(Array.from({ length: 20 }, watch))
    expect(watchers.filter(({ status }) => status === 503)).toHaveLength(1)
    expect(await runner().process.end('SIGTERM')).toBe(0)
    for (const watcher of watchers) expect(await watcher.text()).not.toBe('')
  })
})
