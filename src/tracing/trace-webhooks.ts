import { beginTrace } from '../runtime/trace.ts'
import type { SendMessage } from '../webhooks/deliver-message.ts'
import type { PostOutcome } from '../webhooks/post-message.ts'
import type { WebhookMessage } from '../separation/store/webhook-queue.ts'
import type { SpanAttributes, SpanResult, Tracer } from './tracer.ts'

/**
 * The same, and records a span for each attempt to send a message. It belongs to the trace of the task's order; that of a message
 * about something else begins a trace. The receiver is not told of it, and its address, which may hold a secret, is left out.
 */
export function traceWebhooks(tracer: Tracer, send: SendMessage): SendMessage {
  return async (message) => {
    const { id, type, content, failures } = message
    const span = tracer.start('webhook', {
      kind: 'client',
      parent: traceOf(message) ?? beginTrace(),
      attributes: {
        ...(content.kind === 'task' ? idsOf(content.task) : {}),
        'http.request.method': 'POST',
        'stemgate.webhook.type': type,
        'stemgate.webhook.id': id,
        'stemgate.webhook.attempt': failures + 1,
      },
    })
    try {
      const outcome = await send(message)
      span.end(resultOf(outcome))
      return outcome
    } catch (error) {
      span.end({ errorType: 'internal' })
      throw error
    }
  }
}

function traceOf({ content }: WebhookMessage) {
  return content.kind === 'task' ? content.task.trace : null
}

function idsOf({ id, provider }: { readonly id: string; readonly provider: string }): SpanAttributes {
  return { 'stemgate.task.id': id, 'stemgate.provider': provider }
}

/** An attempt that the end of the gateway cuts off did not fail: the message is sent again. */
function resultOf(outcome: PostOutcome): SpanResult {
  switch (outcome.kind) {
    case 'answered': {
      const { status } = outcome
      const attributes = { 'stemgate.answer': outcome.kind, 'http.response.status_code': status }
      return status >= 200 && status < 300 ? { attributes } : { attributes, errorType: String(status) }
    }
    case 'stopped':
      return { attributes: { 'stemgate.answer': outcome.kind } }
    case 'timeout':
    case 'not-allowed':
    case 'unreachable':
      return { attributes: { 'stemgate.answer': outcome.kind }, errorType: outcome.kind }
  }
}
