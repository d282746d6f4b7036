import type { Context, Link, Span, Tracer } from '@opentelemetry/api'
import { context, ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api'
import type { SandboxPoolEvent } from '../pool-events.js'
import type { SandboxPool } from '../sandbox-pool.js'

type Named = Extract<SandboxPoolEvent, { name: string }>

/**
 * Makes a span from each event that ends an operation. An event of a call is emitted in the async
 * context of the call, so the active span is the parent.
 */
export class Spans {
  readonly #pool: SandboxPool
  readonly #tracer: Tracer
  /** The context of the caller of each container that is leased, or is removed after a lease. */
  readonly #callers = new Map<string, Context>()

  constructor(pool: SandboxPool, tracer: Tracer) {
    this.#pool = pool
    this.#tracer = tracer
  }

  add(event: SandboxPoolEvent): void {
    switch (event.type) {
      case 'launched':
      case 'launchFailed':
        return this.#addLaunch(event, event.tookMs)
      case 'acquired':
        this.#callers.set(event.name, context.active())
        return this.#add('sandbox.acquire', event, event.waitedMs)
      case 'refused':
        return this.#add('sandbox.acquire', event, event.waitedMs)
      case 'programEnded':
        return this.#add('sandbox.run', event, event.durationMs)
      case 'ended':
        this.#addOfLease('sandbox.lease', event, event.heldMs)
        if (event.released === 'returned') this.#callers.delete(event.name)
        return
      case 'removed':
      case 'removeFailed':
        this.#addOfLease('sandbox.recycle', event, event.tookMs)
        this.#callers.delete(event.name)
        return
      case 'crashed':
    }
  }

  /** A launch is not a part of the request that caused it: it lasts longer, and serves another one. */
  #addLaunch(event: SandboxPoolEvent, durationMs: number): void {
    const cause = trace.getSpanContext(context.active())
    this.#add('sandbox.launch', event, durationMs, {
      parent: ROOT_CONTEXT,
      links: cause ? [{ context: cause }] : [],
    })
  }

  #addOfLease(name: string, event: Named, durationMs: number): void {
    const parent = this.#callers.get(event.name) ?? ROOT_CONTEXT
    this.#add(name, event, durationMs, { parent })
  }

  #add(
    name: string,
    event: SandboxPoolEvent,
    durationMs: number,
    { parent = context.active(), links }: { parent?: Context; links?: Link[] } = {},
  ): void {
    const end = Date.now()
    const span = this.#tracer.startSpan(name, { startTime: end - durationMs, links }, parent)
    if (span.isRecording()) this.#describe(span, event)
    span.end(end)
  }

  #describe(span: Span, event: SandboxPoolEvent): void {
    const stats = this.#pool.stats()[event.language]
    const { code, killedBy } = failureOf(event)
    span.setAttributes({
      'sandbox.language': event.language,
      'container.name': 'name' in event ? event.name : undefined,
      'container.image.name': stats?.image,
      'container.runtime.name': stats?.runtime,
      'error.type': code,
      'sandbox.killed_by': killedBy,
      ...(event.type === 'ended' && {
        'sandbox.lease.end': event.how,
        'sandbox.lease.released': event.released,
      }),
      ...(event.type === 'programEnded' && {
        'sandbox.call': event.call,
        'process.exit.code': event.exitCode ?? undefined,
      }),
    })
    const message = code ?? killedBy
    if (message !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message })
  }
}

function failureOf(event: SandboxPoolEvent): {
  code?: string | undefined
  killedBy?: string | undefined
} {
  if ('error' in event) return { code: event.error.code }
  return event.type === 'programEnded' ? { killedBy: event.killedBy } : {}
}
