import type { ServerResponse } from 'node:http'
import type { Readiness } from './readiness.ts'
import { sendJson } from './respond.ts'

/**
 * Answers 200 if the gateway can accept orders, else 503. A paused provider does not change that: the operator wants it so.
 * @param mayReadMetrics whether the answer also names the paused providers
 */
export async function sendReadiness(
  response: ServerResponse,
  readiness: Readiness,
  mayReadMetrics: boolean,
): Promise<void> {
  const paused = mayReadMetrics ? readiness.pausedProviders() : []
  await readiness.check().then(
    () => sendJson(response, 200, { status: 'ready', ...(paused.length > 0 && { pausedProviders: paused }) }),
    () => sendJson(response, 503, { status: 'unavailable' }, { 'retry-after': '5' }),
  )
}

/** Answers 200 as long as the process runs. */
export function sendLiveness(response: ServerResponse): void {
  sendJson(response, 200, { status: 'live' })
}

/** What /metrics shows. */
export interface MetricsSource {
  text(): Promise<{ readonly type: string; readonly body: string }>
}

/** Sends the metrics in the Prometheus text format. */
export async function sendMetrics(response: ServerResponse, metrics: MetricsSource): Promise<void> {
  const { type, body } = await metrics.text()
  response.writeHead(200, { 'content-type': type })
  response.end(body)
}
