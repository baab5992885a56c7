import { StoreUnavailableError } from '../separation/errors.ts'
import type { SaveCallback, SaveOutcome } from '../separation/callback/save-callback.ts'
import type { Trace } from '../runtime/trace.ts'
import type { SpanResult, Tracer } from './tracer.ts'

/** The address of a callback, without the token in it. */
const route = '/callbacks/{provider}/{taskId}/{token}'

/**
 * The same, and records a span for each callback with a valid address. It belongs to the trace of the task's order, which is known
 * once the callback is stored, and is linked to the trace of the provider's request.
 */
export function traceCallbacks(tracer: Tracer, save: SaveCallback): SaveCallback {
  function record(startedAtMs: number, callback: Parameters<SaveCallback>[0], parent: Trace, result: SpanResult): void {
    const { provider, taskId, isSigned } = callback
    tracer
      .start('callback', {
        kind: 'server',
        parent,
        startedAtMs,
        attributes: {
          'http.request.method': 'POST',
          'http.route': route,
          'stemgate.provider': provider,
          'stemgate.task.id': taskId,
          'stemgate.callback.signed': isSigned,
        },
      })
      .end({ link: parent === callback.trace ? null : callback.trace, ...result })
  }

  return async (callback) => {
    const startedAtMs = Date.now()
    try {
      const outcome = await save(callback)
      record(startedAtMs, callback, traceOf(outcome) ?? callback.trace, resultOf(outcome))
      return outcome
    } catch (error) {
      const errorType = error instanceof StoreUnavailableError ? 'store-unavailable' : 'internal'
      record(startedAtMs, callback, callback.trace, { errorType })
      throw error
    }
  }
}

function traceOf(outcome: SaveOutcome): Trace | null {
  return 'task' in outcome ? outcome.task.trace : null
}

/** Only a callback that is saved, or whose task was deleted, is acknowledged. */
function resultOf({ kind }: SaveOutcome): SpanResult {
  const attributes = { 'stemgate.callback.result': kind }
  return kind === 'saved' || kind === 'deleted' ? { attributes } : { attributes, errorType: kind }
}
