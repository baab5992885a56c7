import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { ProviderName } from '../separation/task.ts'
import type { CheckAnswer, Provider, SubmitAnswer } from '../separation/provider.ts'

/** The metrics, in the Prometheus text format. No label contains text of a caller or a provider. */
export interface Metrics {
  /** Counts an answered request. */
  answered(route: string, status: number, seconds: number): void
  /** Wraps a provider so that its calls are counted. */
  counted<T extends Provider>(provider: T): T
  /** Counts a callback at a valid URL whose task is not in the store. */
  unknownTask(provider: ProviderName, outcome: 'restored' | 'unknown'): void
  /** Counts a file that was archived, deleted from the archive, or not archived. */
  archived(outcome: string, bytes?: number): void
  text(): Promise<{ readonly type: string; readonly body: string }>
}

type AnswerTimes = Histogram.Internal<'route' | 'status'>

export interface Gauges {
  /** How many subscriptions are open. */
  readonly subscriptions: () => number
  /** How many files of stems are being streamed. */
  readonly stemStreams: () => number
  /** How many tasks wait for the archive. It may reject. */
  readonly archiveJobs: () => Promise<number>
  /** How many log lines were dropped since the start. */
  readonly droppedLogLines: () => number
}

export function createMetrics({ subscriptions, stemStreams, archiveJobs, droppedLogLines }: Gauges): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const requests = new Histogram({
    name: 'stemgate_http_request_seconds',
    help: 'Time to answer a request, by route and status.',
    labelNames: ['route', 'status'],
    registers,
  })
  const calls = new Counter({
    name: 'stemgate_provider_calls_total',
    help: 'Calls to providers, by kind of call and answer.',
    labelNames: ['provider', 'call', 'answer'],
    registers,
  })
  const unknownTasks = new Counter({
    name: 'stemgate_unknown_task_callbacks_total',
    help: 'Callbacks whose task is not in the database, as after a restore. restored: the order was stored again.',
    labelNames: ['provider', 'outcome'],
    registers,
  })
  const archivedFiles = new Counter({
    name: 'stemgate_archive_files_total',
    help: 'Files of stems by what the archive did: copied, deleted, gone (not at the provider), too-large, failed (tried again).',
    labelNames: ['outcome'],
    registers,
  })
  const archivedBytes = new Counter({
    name: 'stemgate_archive_bytes_total',
    help: 'Bytes that were copied into the archive.',
    registers,
  })
  new Gauge({
    name: 'stemgate_archive_waiting_tasks',
    help: 'Tasks whose files are due to be archived or deleted. The same at every gateway of the database.',
    registers,
    async collect() {
      const waiting = await archiveJobs().catch(() => null)
      if (waiting === null) this.reset()
      else this.set(waiting)
    },
  })
  new Gauge({
    name: 'stemgate_subscriptions',
    help: 'Open subscriptions.',
    registers,
    collect() {
      this.set(subscriptions())
    },
  })
  new Gauge({
    name: 'stemgate_stem_streams',
    help: 'Files of stems that are being streamed.',
    registers,
    collect() {
      this.set(stemStreams())
    },
  })
  new Counter({
    name: 'stemgate_log_lines_dropped_total',
    help: 'Log lines that were dropped because they could not be written, or not fast enough.',
    registers,
    collect() {
      this.reset()
      this.inc(droppedLogLines())
    },
  })

  const answers = new Map<string, AnswerTimes>()

  /** The histogram of a route and a status. To look it up by its labels takes longer than to count. */
  function answersOf(route: string, status: number): AnswerTimes {
    const key = `${route} ${status}`
    const known = answers.get(key) ?? requests.labels({ route, status })
    answers.set(key, known)
    return known
  }

  async function count<T extends SubmitAnswer | CheckAnswer>(
    provider: string,
    call: string,
    answer: Promise<T>,
  ): Promise<T> {
    const { kind } = await answer
    calls.inc({ provider, call, answer: kind })
    return answer
  }

  return {
    answered: (route, status, seconds) => answersOf(route, status).observe(seconds),
    counted: (provider) => ({
      ...provider,
      submit: (order) => count(provider.name, 'submit', provider.submit(order)),
      check: (...args) => count(provider.name, 'check', provider.check(...args)),
    }),
    archived(outcome, bytes = 0) {
      archivedFiles.inc({ outcome })
      archivedBytes.inc(bytes)
    },
    unknownTask: (provider, outcome) => unknownTasks.inc({ provider, outcome }),
    text: async () => ({ type: registry.contentType, body: await registry.metrics() }),
  }
}
