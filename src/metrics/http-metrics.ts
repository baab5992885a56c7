import type { Histogram } from 'prom-client'
import type { HttpServerOptions } from '../http/server.ts'
import type { Meter } from './meter.ts'

type AnswerTimes = Histogram.Internal<'route' | 'status'>

const answerBuckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** Measures the answers to requests. */
export function createHttpMetrics(meter: Meter): HttpServerOptions['onAnswer'] {
  const requests = meter.histogram({
    name: 'stemgate_http_request_seconds',
    help: 'Time to answer a request, by route and status.',
    labels: ['route', 'status'],
    buckets: answerBuckets,
  })
  const answers = new Map<string, AnswerTimes>()

  /** The histogram of a route and a status. To look it up by its labels takes longer than to count. */
  function answersOf(route: string, status: number): AnswerTimes {
    const key = `${route} ${status}`
    const known = answers.get(key) ?? requests.labels({ route, status })
    answers.set(key, known)
    return known
  }

  return (route, status, seconds) => answersOf(route, status).observe(seconds)
}
