import type { CallbackObserver, CallbackResult } from '../http/callback-route.ts'
import { createBoundedMap } from '../runtime/bounded-map.ts'
import type { ProviderName } from '../separation/task/provider-name.ts'
import type { Task } from '../separation/task/task.ts'
import type { Meter } from './meter.ts'

export interface CallbackMetrics extends CallbackObserver {
  /** A change of the task was sent to those who watch it. */
  pushed(task: Task): void
}

const callbackResults = [
  'saved',
  'untrusted',
  'restored',
  'deleted-task',
  'unknown-task',
  'not-stored',
  'unreadable',
] as const satisfies readonly CallbackResult[]
const pushBuckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
/** Of how many tasks the last callback is known. */
const maxTasks = 10_000

export function createCallbackMetrics(
  meter: Meter,
  { providers }: { readonly providers: readonly ProviderName[] },
): CallbackMetrics {
  const callbacks = meter.counter({
    name: 'stemgate_callbacks_total',
    help: 'Callbacks by result. untrusted: stored, but it only triggers a check. restored and unknown-task: the database did not know the task. deleted-task: the task was deleted. not-stored: the database was unavailable. provider is none if the address was invalid.',
    labels: ['provider', 'result'],
  })
  const pushTimes = meter.histogram({
    name: 'stemgate_callback_to_push_seconds',
    help: 'Time from a callback that this gateway received until it first sent the result of the task to subscribers of its own.',
    labels: ['provider'],
    buckets: pushBuckets,
  })
  /** When the last callback of a task came, by performance.now(); null once its result was pushed. */
  const callbackTimes = createBoundedMap<number | null>(maxTasks)
  // A counter that begins with its first event hides that event from increase().
  for (const provider of providers) {
    for (const result of callbackResults) callbacks.inc({ provider, result }, 0)
  }

  return {
    received: (provider, result) => callbacks.inc({ provider: provider ?? 'none', result }),
    stored(taskId, atMs) {
      if (callbackTimes.get(taskId) !== null) callbackTimes.set(taskId, atMs)
    },
    pushed(task) {
      if (task.state !== 'succeeded') return
      const atMs = callbackTimes.get(task.id)
      if (atMs === undefined || atMs === null) return
      callbackTimes.set(task.id, null)
      pushTimes.observe({ provider: task.provider }, (performance.now() - atMs) / 1_000)
    },
  }
}
