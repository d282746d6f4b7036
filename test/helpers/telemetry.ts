import type { Context } from '@opentelemetry/api'
import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import type { SandboxPool } from 'hono-sandbox'
import { instrumentPool } from 'hono-sandbox/opentelemetry'
import { onTestFinished } from 'vitest'

class OnDemandReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

/** The SDK of OpenTelemetry, whose spans and metrics stay in memory. */
export class TestSdk {
  readonly #exporter = new InMemorySpanExporter()
  readonly #reader = new OnDemandReader()
  readonly tracerProvider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(this.#exporter)],
  })
  readonly meterProvider = new MeterProvider({ readers: [this.#reader] })

  /** Instruments a pool for one test. */
  static ofTest(pool: SandboxPool): TestSdk {
    const sdk = new TestSdk()
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
    const stop = sdk.instrument(pool)
    onTestFinished(() => {
      stop()
      context.disable()
    })
    return sdk
  }

  /** Instruments a pool. Returns a function that stops it. */
  instrument(pool: SandboxPool): () => void {
    return instrumentPool(pool, this)
  }

  /** Calls a function with a new active span, as the instrumentation of a server does. */
  async inSpan<T>(name: string, run: () => Promise<T>): Promise<T> {
    const span = this.tracerProvider.getTracer('test').startSpan(name)
    const active: Context = trace.setSpan(context.active(), span)
    try {
      return await context.with(active, run)
    } finally {
      span.end()
    }
  }

  get spans(): ReadableSpan[] {
    return this.#exporter.getFinishedSpans()
  }

  /** Returns each span as its name with the names of its parents: `GET /run > sandbox.run`. */
  get paths(): string[] {
    const byId = new Map(this.spans.map((span) => [span.spanContext().spanId, span]))
    const pathOf = (span: ReadableSpan): string => {
      const parent = byId.get(span.parentSpanContext?.spanId ?? '')
      return parent ? `${pathOf(parent)} > ${span.name}` : span.name
    }
    return this.spans.map(pathOf)
  }

  async collect() {
    const { resourceMetrics } = await this.#reader.collect()
    return resourceMetrics
  }

  /** Returns the metrics in the text format of Prometheus, without those of the SDK itself. */
  async text(): Promise<string> {
    const serializer = new PrometheusSerializer(undefined, false, undefined, true, true)
    return serializer.serialize(await this.collect())
  }
}
