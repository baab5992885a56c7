import { beginTrace } from '../runtime/trace.ts'
import type { CheckAnswer, Provider, SubmitAnswer } from '../separation/provider.ts'
import type { SpanResult, Tracer } from './tracer.ts'

/** The same provider, and records a span for each submit and each check, whose id the provider gets in `traceparent`. */
export function traceProvider<T extends Provider>(tracer: Tracer, provider: T): T {
  const common = { 'stemgate.provider': provider.name }
  return {
    ...provider,
    async submit(order) {
      const span = tracer.start('submit', {
        kind: 'client',
        parent: order.trace ?? beginTrace(),
        attributes: { ...common, 'http.request.method': 'POST', 'stemgate.separation.type': order.type },
      })
      const answer = await provider.submit({ ...order, trace: span.trace })
      span.end(submitResult(answer))
      return answer
    },
    async check(providerTaskId, onSlot, trace) {
      const span = tracer.start('check', {
        kind: 'client',
        parent: trace ?? beginTrace(),
        attributes: { ...common, 'http.request.method': 'GET', 'stemgate.provider_task.id': providerTaskId },
      })
      const noteSlot = () => {
        span.event('slot')
        onSlot?.()
      }
      const answer = await provider.check(providerTaskId, noteSlot, span.trace)
      span.end(checkResult(answer))
      return answer
    },
  }
}

function submitResult(answer: SubmitAnswer): SpanResult {
  switch (answer.kind) {
    case 'accepted':
      return {
        attributes: {
          'stemgate.answer': answer.kind,
          'stemgate.provider_task.id': answer.providerTaskId ?? undefined,
        },
      }
    case 'refused': {
      const { reason, providerCode } = answer.refusal
      return {
        attributes: { 'stemgate.answer': answer.kind, 'stemgate.provider_code': providerCode ?? undefined },
        errorType: reason,
      }
    }
    case 'unknown':
      return { attributes: { 'stemgate.answer': answer.kind }, errorType: 'no-usable-answer' }
  }
}

function checkResult(answer: CheckAnswer): SpanResult {
  switch (answer.kind) {
    case 'found':
      return { attributes: { 'stemgate.answer': answer.report.outcome.state } }
    case 'not-found':
      return { attributes: { 'stemgate.answer': answer.kind } }
    case 'inconclusive':
      return { attributes: { 'stemgate.answer': answer.kind }, errorType: 'no-usable-answer' }
  }
}
