import path from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll } from 'vitest'
import { CodeRunner, WITH_DATA } from '../helpers/code-runner.js'
import { root } from '../helpers/docs.js'
import type { Opened } from './chromium.js'

/** The folder of the pictures of the main states. It is not committed. */
const PICTURES = path.join(root, 'test/browser/screenshots')
const OVER = '#status[data-state=good], #status[data-state=bad]'

/** The actions of a user on the page of the playground. */
export class Playground {
  readonly page: Page
  readonly problems: readonly string[]

  constructor({ page, problems }: Opened) {
    this.page = page
    this.problems = problems
  }

  /** Waits until the page is ready for a user. */
  async isReady(): Promise<this> {
    await this.page.waitForSelector('body[data-ready]')
    return this
  }

  /** Replaces the code of an editor: that of the program, or that of a cell, counted from 1. */
  async write(code: string, editor = 0): Promise<void> {
    await this.page.locator('.cm-content').nth(editor).click()
    await this.page.keyboard.press('Control+A')
    await this.page.keyboard.insertText(code)
  }

  /** Begins to run by the keyboard. */
  async start(code: string, editor = 0): Promise<void> {
    await this.write(code, editor)
    await this.page.keyboard.press('Control+Enter')
    await this.page.waitForSelector('#stop:enabled')
  }

  /** Waits for the end of the run. Returns the line with its state. */
  async ending(): Promise<string> {
    await this.page.waitForSelector('#stop:disabled')
    return this.page.locator(OVER).innerText()
  }

  async run(code: string, editor = 0): Promise<string> {
    await this.write(code, editor)
    await this.page.keyboard.press('Control+Enter')
    return this.ending()
  }

  /** Waits until the output has a text. */
  async prints(text: string): Promise<void> {
    await this.page.locator('#output', { hasText: text }).waitFor()
  }

  async picture(name: string): Promise<void> {
    await this.page.screenshot({ path: path.join(PICTURES, `${name}.png`), fullPage: true })
  }
}

/** Starts a code runner with the data packages for a block of tests. */
export function usePlaygrounds(): () => CodeRunner {
  let runner: CodeRunner | undefined
  beforeAll(async () => {
    const size = { SANDBOX_RUNTIME: 'runc', SANDBOX_POOL_SIZE: '1' }
    runner = new CodeRunner({ ...WITH_DATA, ...size })
    await runner.process.started()
  })
  afterAll(async () => void (await runner?.process.end('SIGKILL')))
  return () => {
    if (!runner) throw new Error('the server runs only during tests')
    return runner
  }
}
