import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { chromium } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, onTestFinished } from 'vitest'
import { findProgram } from '../../src/cli/command.js'

const MISSING =
  'there is no chromium on the PATH, so the tests in a browser do not run: ' +
  'run npm run setup:browser as root on Debian, or install it'

/** The browser reaches only this machine, and does nothing that a page does not want. */
const ARGS = [
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-gpu',
  '--disable-quic',
  '--disable-sync',
  '--no-first-run',
  '--no-sandbox', // Chromium's own sandbox does not start as root
]

/** A page in the browser, and the problems that the browser has reported. */
export interface Opened {
  page: Page
  /** Errors and warnings of the console, such as violations of the CSP, and uncaught errors. */
  problems: readonly string[]
}

const launch = (executablePath: string) =>
  chromium.launch({
    executablePath,
    args: ARGS,
    // Pages that a user has left go into this cache, as in the browser of a user.
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
  })

/**
 * Launches Chromium for a block of tests. Without a browser the tests are skipped. They fail if
 * `HONO_SANDBOX_TESTS` is `complete`, as in CI.
 */
export function useBrowser(): (url: string, options?: BrowserContextOptions) => Promise<Opened> {
  let browser: Browser | undefined
  beforeAll(async () => {
    const executablePath = await findProgram('chromium')
    if (executablePath) browser = await launch(executablePath)
    else if (process.env.HONO_SANDBOX_TESTS === 'complete') throw new Error(MISSING)
    else console.warn(MISSING)
  })
  beforeEach(({ skip }) => skip(!browser, MISSING))
  afterAll(() => browser?.close())
  return async (url, options) => {
    if (!browser) throw new Error('the browser runs only during tests')
    const context = await browser.newContext(options)
    onTestFinished(() => context.close())
    const page = await context.newPage()
    const problems: string[] = []
    page.on('console', (message) => {
      if (message.type() !== 'log') problems.push(message.text())
    })
    page.on('pageerror', (error) => problems.push(error.message))
    await page.goto(url)
    return { page, problems }
  }
}
