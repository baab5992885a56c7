import { beginTrace } from '../runtime/trace.ts'
import { StoreUnavailableError } from '../separation/errors.ts'
import type { SeparateOutcome } from '../separation/order/separate.ts'
import type { Separations } from '../separation/separations.ts'
import type { SpanResult, Tracer } from './tracer.ts'

/** The same, and records a span for each order. It is kept with the task: everything that happens to the task is below it. */
export function traceOrders(tracer: Tracer, separate: Separations['separate']): Separations['separate'] {
  return async (owner, input, options = {}) => {
    const span = tracer.start('separate', {
      kind: 'server',
      parent: options.trace ?? beginTrace(),
      attributes: { 'graphql.operation.type': 'mutation', 'stemgate.separation.type': input.type },
    })
    try {
      const outcome = await separate(owner, input, { ...options, trace: span.trace })
      span.end(resultOf(outcome))
      return outcome
    } catch (error) {
      span.end({ errorType: error instanceof StoreUnavailableError ? 'store-unavailable' : 'internal' })
      throw error
    }
  }
}

/** A refusal is an answer, and no failure of the gateway. */
function resultOf(outcome: SeparateOutcome): SpanResult {
  switch (outcome.kind) {
    case 'accepted': {
      const { task, reused } = outcome
      return {
        attributes: {
          'stemgate.outcome': reused ? 'joined' : 'accepted',
          'stemgate.provider': task.provider,
          'stemgate.task.id': task.id,
        },
        link: reused ? task.trace : null,
      }
    }
    case 'refused': {
      const { kind, task } = outcome.refusal
      return { attributes: { 'stemgate.outcome': 'refused', 'stemgate.reason': kind, 'stemgate.task.id': task?.id } }
    }
  }
}
