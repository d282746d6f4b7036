import { upgradeWebSocket } from '@hono/node-server'
import type { Context } from 'hono'
import { Hono } from 'hono'
import type { ApplyGlobalResponse } from 'hono/client'
import { hc } from 'hono/client'
import { validator } from 'hono/validator'
import { describe, expectTypeOf, it } from 'vitest'
import * as v from 'valibot'
import type {
  CallFailure,
  CodeHandle,
  CodeResult,
  Collected,
  DockerEngine,
  Engine,
  ExecEvent,
  ExecHandle,
  ExecResult,
  FileEntry,
  ImageStore,
  KilledBy,
  Language,
  LogMatch,
  RichResult,
  Runtime,
  Sandbox,
  SandboxErrorCode,
  SandboxPoolOptions,
  SandboxProcess,
  StartReport,
  StartReports,
} from '../../src/index.js'
import { createDockerEngine, initSandboxes, SandboxPool } from '../../src/index.js'
import type {
  SandboxEnv,
  SandboxErrorBody,
  SandboxErrorResponses,
  SandboxLogger,
  SandboxOptions,
} from '../../middleware/index.js'
import { sandbox, websocketSandbox } from '../../middleware/index.js'

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

  it('is typed if the middleware is an argument before the handler', () => {
    new Hono().get('/run', sandbox(), (c) => {
      expectTypeOf(c.get('sandbox')).toEqualTypeOf<Sandbox>()
      return c.text('')
    })
  })

  it('is a type error without the middleware', () => {
    new Hono().get('/', (c) => {
      // @ts-expect-error no such variable
      c.get('sandbox')
      return c.text('')
    })
  })
})

interface Run {
  language: 'python' | 'nodejs'
}
type AppEnv = SandboxEnv & { Variables: { user: { language: string } } }

describe('the functions in the options of sandbox()', () => {
  const body = validator('json', (): Run => ({ language: 'python' }))

  it('compile behind a validator, and the handler keeps its types', () => {
    const language = sandbox({ language: (c) => c.req.valid('json').language })
    new Hono().post('/:id', body, language, (c) => {
      expectTypeOf(c.req.valid('json')).toEqualTypeOf<Run>()
      expectTypeOf(c.req.param('id')).toEqualTypeOf<string>()
      expectTypeOf(c.get('sandbox')).toEqualTypeOf<Sandbox>()
      return c.text('')
    })
    new Hono().post(
      '/run',
      validator('json', () => ({ language: 'nodejs' })),
      sandbox({ language: (c) => c.req.valid('json').language }),
      (c) => {
        expectTypeOf(c.req.valid('json')).toEqualTypeOf<{ language: string }>()
        expectTypeOf(c.get('sandbox')).toEqualTypeOf<Sandbox>()
        return c.text('')
      },
    )
    new Hono().use('/run', body, sandbox({ language: (c) => c.req.valid('json').language }))
  })

  it('have the values of a validator that they name', () => {
    const language = (c: Parameters<typeof body>[0]) => {
      expectTypeOf(c.req.valid('json')).toEqualTypeOf<Run>()
      return c.req.valid('json').language
    }
    new Hono<AppEnv>().post('/:id', body, sandbox({ language }), (c) => {
      expectTypeOf(c.req.valid('json')).toEqualTypeOf<Run>()
      expectTypeOf(c.get('sandbox')).toEqualTypeOf<Sandbox>()
      expectTypeOf(c.get('user')).toEqualTypeOf<{ language: string }>()
      return c.text('')
    })
    const form: SandboxOptions<AppEnv, '/:id', { out: { form: Run } }> = {
      language: (c) => c.req.valid('form').language,
      onUnavailable: (_, c) => c.text(c.req.param('id')),
    }
    new Hono<AppEnv>().post('/:id', sandbox(form), (c) => c.text(c.get('sandbox').name))
  })

  it('have the variables of an app that they name', () => {
    const app = new Hono<AppEnv>()
    app.use('/run', sandbox({ language: (c) => c.get('user').language }))
    app.use('/run', sandbox<AppEnv>({ language: (c) => c.get('user').language }))
    app.post('/run', sandbox({ language: (c: Context<AppEnv>) => c.get('user').language }), (c) => {
      expectTypeOf(c.get('user')).toEqualTypeOf<{ language: string }>()
      expectTypeOf(c.get('sandbox')).toEqualTypeOf<Sandbox>()
      return c.text('')
    })
    // @ts-expect-error no such variable
    sandbox<AppEnv>({ language: (c) => c.get('usr') })
    // @ts-expect-error a language is a string
    sandbox<AppEnv>({ language: (c) => c.get('user') })
  })

  it('give a handler no variable that only they name', () => {
    new Hono().post('/run', sandbox<AppEnv>({ language: (c) => c.get('user').language }), (c) => {
      // @ts-expect-error no such variable
      c.get('user')
      return c.text('')
    })
  })
})

describe('the type SandboxLogger', () => {
  it('allows console and the overloads of pino', () => {
    interface LikePino {
      warn: {
        <T extends string>(message: T, ...values: T extends `${string}%s` ? [string] : []): void
        <T>(fields: T, message?: T extends string ? never : string): void
      }
    }
    expectTypeOf<Console>().toExtend<SandboxLogger>()
    expectTypeOf<LikePino>().toExtend<SandboxLogger>()
  })
})

describe('a Hono client', () => {
  it('narrows the body by the status and by `ok`', async () => {
    const app = new Hono().get('/run', sandbox(), (c) => c.json({ ran: true }, 200))
    const answer = await hc<typeof app>('http://localhost').run.$get()
    if (answer.status === 503) {
      expectTypeOf(await answer.json()).toEqualTypeOf<SandboxErrorBody>()
    } else if (answer.status === 400) {
      expectTypeOf(await answer.json()).toEqualTypeOf<SandboxErrorBody>()
    } else if (answer.status === 200) {
      expectTypeOf(await answer.json()).toEqualTypeOf<{ ran: true }>()
    }
    if (!answer.ok) expectTypeOf(await answer.json()).toEqualTypeOf<SandboxErrorBody>()
  })

  it('narrows in the statement style, by the type of the route', async () => {
    const app = new Hono<SandboxEnv>()
    const route = app.get('/run', sandbox(), (c) => c.json({ ran: true }, 200))
    const answer = await hc<typeof route>('http://localhost').run.$get()
    if (answer.status === 503) {
      expectTypeOf(await answer.json()).toEqualTypeOf<SandboxErrorBody>()
    } else if (answer.status === 400) {
      expectTypeOf(await answer.json()).toEqualTypeOf<SandboxErrorBody>()
    }
    if (answer.ok) expectTypeOf(await answer.json()).toEqualTypeOf<{ ran: true }>()
  })

  it('narrows for a middleware of .use() with SandboxErrorResponses, in both styles', async () => {
    const chained = new Hono().use('/run', sandbox()).get('/run', (c) => c.json({ ran: true }, 200))
    const app = new Hono<SandboxEnv>()
    app.use('/run', sandbox())
    const stated = app.get('/run', (c) => c.json({ ran: true }, 200))
    const plain = await hc<typeof chained>('http://localhost').run.$get()
    expectTypeOf(plain.status).toEqualTypeOf<200>()
    const answers = [
      await hc<ApplyGlobalResponse<typeof chained, SandboxErrorResponses>>('x').run.$get(),
      await hc<ApplyGlobalResponse<typeof stated, SandboxErrorResponses>>('x').run.$get(),
    ]
    for (const answer of answers) {
      if (answer.status === 503) {
        expectTypeOf(await answer.json()).toEqualTypeOf<SandboxErrorBody>()
      } else if (answer.status === 400) {
        expectTypeOf(await answer.json()).toEqualTypeOf<SandboxErrorBody>()
      }
      if (answer.ok) expectTypeOf(await answer.json()).toEqualTypeOf<{ ran: true }>()
    }
  })
})

describe('the types of results and options', () => {
  it('have their fields, and no unknown options', () => {
    expectTypeOf<ExecResult['killedBy']>().toEqualTypeOf<KilledBy | undefined>()
    expectTypeOf<'python' | 'nodejs' | 'typescript' | 'bash'>().toExtend<Language>()
    expectTypeOf<Language>().toExtend<string>()
    expectTypeOf<SandboxErrorBody['error']['code']>().toEqualTypeOf<SandboxErrorCode>()
    expectTypeOf(initSandboxes).returns.resolves.toEqualTypeOf<StartReports>()
    expectTypeOf<StartReports['python']>().toExtend<StartReport | undefined>()
    // @ts-expect-error no such option
    void new SandboxPool({ memoryLimit: '1g' })
    void new SandboxPool({ languages: { python: { size: { min: 0, max: 4 } } } })
    // @ts-expect-error `max` is missing
    void new SandboxPool({ languages: { python: { size: { min: 1 } } } })
    // @ts-expect-error no such option
    void new SandboxPool({ languages: { python: { pid: 64 } } })
    void new SandboxPool({ languages: { data: { base: 'python', memory: '1g', env: { A: '1' } } } })
    // @ts-expect-error no such base
    void new SandboxPool({ languages: { data: { base: 'ruby', memory: '1g' } } })
    // @ts-expect-error no such option
    void new SandboxPool({ languages: { data: { base: 'python', memroy: '1g' } } })
    // @ts-expect-error no such option
    sandbox({ timeoutMs: 5 })
  })
})

describe('the type Engine', () => {
  it('has no member of ImageStore, and DockerEngine has both', () => {
    expectTypeOf(createDockerEngine).returns.toEqualTypeOf<DockerEngine>()
    expectTypeOf<DockerEngine>().toExtend<Engine & ImageStore>()
    expectTypeOf<keyof Engine & keyof ImageStore>().toEqualTypeOf<never>()
    expectTypeOf<Engine['runtimes']>().returns.resolves.toEqualTypeOf<readonly Runtime[]>()
    expectTypeOf<Engine>().toExtend<NonNullable<SandboxPoolOptions['engine']>>()
  })
})

declare const leased: Sandbox

describe('the type of a program', () => {
  it('has text by default, and bytes with the format "bytes"', () => {
    expectTypeOf(leased.exec('x')).toEqualTypeOf<ExecHandle>()
    expectTypeOf(leased.exec(['x'] as const, { format: 'text' })).toEqualTypeOf<ExecHandle>()
    expectTypeOf(leased.exec('x', { format: 'bytes' })).toEqualTypeOf<ExecHandle<Buffer>>()
    expectTypeOf(leased.runCode('x', { args: ['a'] })).toEqualTypeOf<CodeHandle>()
    expectTypeOf(leased.runCode('x', { format: 'bytes' })).toEqualTypeOf<CodeHandle<Buffer>>()
    expectTypeOf<Awaited<CodeHandle>>().toEqualTypeOf<CodeResult>()
    expectTypeOf<Awaited<ExecHandle<Buffer>>>().toEqualTypeOf<ExecResult<Buffer>>()
    // @ts-expect-error no such format
    leased.exec('x', { format: 'hex' })
    // @ts-expect-error only code has arguments
    leased.exec('x', { args: [] })
  })

  it('has the value of a call from its type argument or its schema', async () => {
    const plain = await leased.call<number>('x', { args: [1] })
    if (plain.ok) expectTypeOf(plain.value).toEqualTypeOf<number>()
    else expectTypeOf(plain.reason).toEqualTypeOf<CallFailure>()
    const checked = await leased.call('x', { schema: v.object({ a: v.string() }) })
    if (checked.ok) expectTypeOf(checked.value).toEqualTypeOf<{ a: string }>()
    const unknown = await leased.call('x')
    if (unknown.ok) expectTypeOf(unknown.value).toEqualTypeOf<unknown>()
    // @ts-expect-error a failed call has no value
    void plain.value
  })

  it('has callbacks with text or bytes by the format', () => {
    leased.exec('x', { onStdout: (text) => expectTypeOf(text).toEqualTypeOf<string>() })
    leased.exec('x', {
      format: 'bytes',
      onStderr: async (bytes) => expectTypeOf(bytes).toEqualTypeOf<Buffer>(),
    })
  })

  it('has events that narrow by `type`', async () => {
    for await (const event of leased.exec('x')) {
      expectTypeOf(event).toEqualTypeOf<ExecEvent>()
      if (event.type === 'exit') {
        expectTypeOf(event.exitCode).toEqualTypeOf<number | null>()
        // @ts-expect-error an exit has no data
        void event.data
      } else if (event.type === 'result') {
        expectTypeOf(event.result).toEqualTypeOf<RichResult>()
      } else {
        expectTypeOf(event.type).toEqualTypeOf<'stdout' | 'stderr'>()
        expectTypeOf(event.data).toEqualTypeOf<string>()
      }
    }
    for await (const event of leased.exec('x', { format: 'bytes' })) {
      if (event.type === 'stdout') expectTypeOf(event.data).toEqualTypeOf<Buffer>()
    }
  })

  it('accepts text and bytes as stdin, and only known signals', () => {
    const handle = leased.exec('x', { stdin: new Blob([]).stream() })
    expectTypeOf(handle.stdin).toEqualTypeOf<WritableStream<string | Uint8Array>>()
    handle.kill('SIGINT')
    // @ts-expect-error no such signal
    handle.kill('SIGNOTHING')
    // @ts-expect-error signals have names
    handle.kill(9)
  })

  it('works in Promise.all()', () => {
    expectTypeOf(
      Promise.all([leased.exec('x'), leased.exec('y', { format: 'bytes' })]),
    ).resolves.toEqualTypeOf<[ExecResult, ExecResult<Buffer>]>()
  })
})

describe('the type SandboxProcess', () => {
  it('has promises of its result and of log matches', () => {
    expectTypeOf(leased.startProcess('x')).resolves.toEqualTypeOf<SandboxProcess>()
    expectTypeOf<SandboxProcess['waitForLog']>().returns.resolves.toEqualTypeOf<LogMatch>()
    expectTypeOf<SandboxProcess['exited']>().resolves.toEqualTypeOf<ExecResult>()
    expectTypeOf<LogMatch['match']>().toEqualTypeOf<RegExpExecArray | undefined>()
  })
})

describe('the types of files', () => {
  it('depend on the format of readFile()', () => {
    expectTypeOf(leased.readFile('p')).resolves.toEqualTypeOf<Buffer>()
    expectTypeOf(leased.readFile('p', { maxBytes: 5 })).resolves.toEqualTypeOf<Buffer>()
    expectTypeOf(leased.readFile('p', { format: 'bytes' })).resolves.toEqualTypeOf<Buffer>()
    expectTypeOf(leased.readFile('p', { format: 'text' })).resolves.toEqualTypeOf<string>()
    expectTypeOf(leased.readFile('p', { format: 'stream' })).resolves.toEqualTypeOf<
      ReadableStream<Uint8Array>
    >()
    // @ts-expect-error no such format
    void leased.readFile('p', { format: 'hex' })
  })

  it('allow a File, a Buffer and the body of a response as content', () => {
    void leased.writeFile('p', new File([], 'name'))
    void leased.writeFile('p', Buffer.alloc(0))
    const { body } = new Response('')
    if (body) void leased.writeFile('p', body)
    // @ts-expect-error no content
    void leased.writeFile('p', null)
  })

  it('have the entries of listFiles() and the files of collect()', () => {
    expectTypeOf(leased.listFiles()).resolves.toEqualTypeOf<FileEntry[]>()
    expectTypeOf(
      leased.collect({ since: [], glob: ['*'] as const }),
    ).resolves.toEqualTypeOf<Collected>()
    expectTypeOf<FileEntry['type']>().toEqualTypeOf<'file' | 'directory' | 'symlink' | 'other'>()
  })
})

describe('websocketSandbox()', () => {
  it('is a WebSocket for clients of hc', () => {
    const app = new Hono().get('/run', websocketSandbox(upgradeWebSocket))
    expectTypeOf(hc<typeof app>('http://x').run.$ws).returns.toHaveProperty('send')
  })
})
