import type { Meter } from './meter.ts'

export interface GatewayMetricsOptions {
  readonly build: { readonly version: string; readonly database: 'sqlite' | 'postgres' }
  /** How many subscriptions are open. */
  readonly subscriptions: () => number
  /** How many files of stems are being streamed. */
  readonly stemStreams: () => number
  /** How many log lines were dropped since the start. */
  readonly droppedLogLines: () => number
  /** Whether Redis answers; null: the gateway uses none. */
  readonly isRedisUp: (() => boolean) | null
  /** Whether the keys of API_KEYS_FILE in use are those that it holds; null: there is no file. */
  readonly isKeysFileUsable: () => boolean | null
  /** Throws if the gateway cannot accept orders now. */
  readonly checkReady: () => Promise<void>
}

/** Shows the state of the gateway itself. */
export function createGatewayMetrics(meter: Meter, options: GatewayMetricsOptions): void {
  const { build, subscriptions, stemStreams, droppedLogLines, isRedisUp, isKeysFileUsable, checkReady } = options
  meter
    .gauge({
      name: 'stemgate_build_info',
      help: 'Always 1. The version of the gateway and of Node.js, and the kind of database.',
      labels: ['version', 'node_version', 'database'],
    })
    .set({ ...build, node_version: process.version }, 1)
  meter.gauge({
    name: 'stemgate_ready',
    help: '1 if the gateway can accept orders, as /health/ready says, else 0.',
    collect: (gauge) =>
      checkReady().then(
        () => gauge.set(1),
        () => gauge.set(0),
      ),
  })
  meter.gauge({
    name: 'stemgate_subscriptions',
    help: 'Open subscriptions, and requests that wait for the end of a task.',
    collect: (gauge) => gauge.set(subscriptions()),
  })
  meter.gauge({
    name: 'stemgate_stem_streams',
    help: 'Files of stems that are being streamed.',
    collect: (gauge) => gauge.set(stemStreams()),
  })
  meter.observedCounter({
    name: 'stemgate_log_lines_dropped_total',
    help: 'Log lines that were dropped because they could not be written, or not fast enough.',
    count: droppedLogLines,
  })
  meter.gauge({
    name: 'stemgate_redis_up',
    help: '1 while Redis answers, else 0. Missing without REDIS_URL.',
    collect: (gauge) => (isRedisUp === null ? gauge.remove() : gauge.set(Number(isRedisUp()))),
  })
  meter.gauge({
    name: 'stemgate_keys_file_usable',
    help: '1 while API_KEYS_FILE is usable, 0 while its previous keys stay valid because it is not. Missing without the file.',
    collect(gauge) {
      const isUsable = isKeysFileUsable()
      if (isUsable === null) gauge.remove()
      else gauge.set(Number(isUsable))
    },
  })
}
