import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import { onTestFinished } from 'vitest'
import { canary } from './canaries.ts'

/** A span as the collector received it. */
export interface CollectedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | null
  readonly name: string
  readonly kind: 'internal' | 'server' | 'client'
  readonly attributes: Readonly<Record<string, unknown>>
  readonly links: readonly string[]
  readonly isError: boolean
  /** Of the gateway that sent it. */
  readonly resource: Readonly<Record<string, unknown>>
}

/** A small real collector: an HTTP server that takes OTLP. */
export interface Collector {
  /** Environment variables that make a gateway send its spans to it, soon. */
  readonly environment: Readonly<Record<string, string>>
  /** The spans that were received in JSON. */
  readonly spans: readonly CollectedSpan[]
  /** The requests so far. */
  readonly requests: readonly { readonly path: string; readonly headers: IncomingHttpHeaders; readonly body: string }[]
  /** Says how requests are answered from now on. Default: 200. */
  answer(how: (response: ServerResponse) => void): void
  /** Resolves when a request has come, or has come already. */
  asked(): Promise<void>
  /** Resolves to the spans of a name once there are so many. */
  named(name: string, count?: number): Promise<readonly CollectedSpan[]>
}

interface Pair {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

interface SentSpans {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Pair[] }
    readonly scopeSpans: readonly {
      readonly spans: readonly {
        readonly traceId: string
        readonly spanId: string
        readonly parentSpanId?: string
        readonly name: string
        readonly kind: number
        readonly attributes: readonly Pair[]
        readonly links?: readonly { readonly traceId: string }[]
        readonly status?: { readonly code?: number }
      }[]
    }[]
  }[]
}

const kinds = ['internal', 'internal', 'server', 'client'] as const
const errorStatus = 2

/** What a gateway proves itself with to the collector. */
export const collectorToken = `collector-token-${canary}`

export async function startCollector(): Promise<Collector> {
  const spans: CollectedSpan[] = []
  const requests: { path: string; headers: IncomingHttpHeaders; body: string }[] = []
  const waiting: (() => void)[] = []
  let answer = (response: ServerResponse): void => void response.end('{}')
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8')
      requests.push({ path: request.url ?? '', headers: request.headers, body })
      if (request.headers['content-type'] === 'application/json') spans.push(...spansIn(JSON.parse(body)))
      answer(response)
      for (const wake of waiting.splice(0)) wake()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('A server that listens on a port has one.')
  const until = async (isSo: () => boolean) => {
    while (!isSo()) await new Promise<void>((resolve) => waiting.push(resolve))
  }

  return {
    environment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${address.port}/`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${collectorToken}`,
      OTEL_BSP_SCHEDULE_DELAY: '10',
    },
    spans,
    requests,
    answer: (how) => void (answer = how),
    asked: () => until(() => requests.length > 0),
    async named(name, count = 1) {
      const found = () => spans.filter((span) => span.name === name)
      await until(() => found().length >= count)
      return found()
    },
  }
}

function spansIn({ resourceSpans }: SentSpans): readonly CollectedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans
      .flatMap((scope) => scope.spans)
      .map(({ traceId, spanId, parentSpanId, name, kind, attributes, links = [], status }) => ({
        traceId,
        spanId,
        parentSpanId: parentSpanId ?? null,
        name,
        kind: kinds[kind] ?? 'internal',
        attributes: valuesOf(attributes),
        links: links.map((link) => link.traceId),
        isError: status?.code === errorStatus,
        resource: valuesOf(resource.attributes),
      })),
  )
}

function valuesOf(pairs: readonly Pair[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, Object.values(value)[0]]))
}
