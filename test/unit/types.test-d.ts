import { Hono } from 'hono'
import { hc } from 'hono/client'
import { describe, expectTypeOf, it } from 'vitest'
import type {
  ExecResult,
  KilledBy,
  Language,
  Sandbox,
  SandboxErrorCode,
  StartReport,
} from '../../src/index.js'
import { initSandboxes, SandboxPool } from '../../src/index.js'
import type { SandboxEnv, SandboxErrorBody } from '../../middleware/index.js'
import { sandbox } from '../../middleware/index.js'

describe("c.get('sandbox')", () => {
  it('is typed in the chained style', () => {
    new Hono().use(sandbox()).get('/', (c) => {
      expectTypeOf(c.get('sandbox')).toEqualTypeOf<Sandbox>()
      expectTypeOf(c.var.sandbox).toEqualTypeOf<Sandbox>()
      return c.text('')
    })
  })

  it('is typed in the statement style', () => {
    const app = new Hono<SandboxEnv>()
    app.use('/run', sandbox({ language: 'nodejs' }))
    app.get('/run', (c) => {
      expectTypeOf(c.get('sandbox')).toEqualTypeOf<Sandbox>()
      return c.text('')
    })
  })

  it('is typed when it stands before the handler', () => {
    new Hono().get('/run', sandbox(), (c) => {
      expectTypeOf(c.get('sandbox')).toEqualTypeOf<Sandbox>()
      return c.text('')
    })
  })

  it('is not there without the middleware', () => {
    new Hono().get('/', (c) => {
      // @ts-expect-error no such variable
      c.get('sandbox')
      return c.text('')
    })
  })
})

describe('a client', () => {
  it('narrows on the status of a refusal', async () => {
    const app = new Hono().get('/run', sandbox(), (c) => c.json({ ran: true }, 200))
    const answer = await hc<typeof app>('http://localhost').run.$get()
    if (answer.status === 503) {
      expectTypeOf(await answer.json()).toEqualTypeOf<SandboxErrorBody>()
    }
    if (answer.status === 200) {
      expectTypeOf(await answer.json()).toEqualTypeOf<{ ran: true }>()
    }
  })
})

describe('results and options', () => {
  it('say what they hold', () => {
    expectTypeOf<ExecResult['killedBy']>().toEqualTypeOf<KilledBy | undefined>()
    expectTypeOf<Language>().toEqualTypeOf<'python' | 'nodejs'>()
    expectTypeOf<SandboxErrorBody['error']['code']>().toEqualTypeOf<SandboxErrorCode>()
    expectTypeOf(initSandboxes).returns.resolves.toEqualTypeOf<
      Partial<Record<Language, StartReport>>
    >()
    // @ts-expect-error no such option
    void new SandboxPool({ memoryLimit: '1g' })
    // @ts-expect-error no such option
    sandbox({ timeoutMs: 5 })
  })
})
