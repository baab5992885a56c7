import type { Trace } from '../runtime/trace.ts'

/** Records what the gateway does as spans: see docs/decisions/0052-opentelemetry.md. Never throws, and never waits. */
export interface Tracer {
  /** @param name one of a few: what differs between spans is in their attributes */
  start(name: string, options: SpanOptions): OpenSpan
}

export interface SpanOptions {
  /** `server`: the gateway answers. `client`: it asks. `internal`: neither. */
  readonly kind: 'server' | 'client' | 'internal'
  /** The trace that the span belongs to. Its span is the parent. */
  readonly parent: Trace
  readonly attributes: SpanAttributes
  /** When it began, in milliseconds since 1970. Default: now. */
  readonly startedAtMs?: number
}

/** No secrets, no addresses, no texts of callers but a provider task id that was looked up. undefined: left out. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>

export interface OpenSpan {
  /** The trace with this span in it: the parent of what follows. */
  readonly trace: Trace
  /** Something that happened meanwhile. */
  event(name: string): void
  end(result: SpanResult): void
}

export interface SpanResult {
  readonly attributes?: SpanAttributes
  /** Why it failed, as one of a few words. Default: it did not fail. */
  readonly errorType?: string | undefined
  /** Another trace that the span has to do with. */
  readonly link?: Trace | null | undefined
}
