import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Operator } from '../identity/operator.ts'
import { listen } from './listen.ts'
import { sendLiveness, sendMetrics, sendReadiness, type MetricsSource } from './operator-answers.ts'
import type { Readiness } from './readiness.ts'
import { refuse, sendJson } from './respond.ts'
import type { Log } from '../runtime/log.ts'

export interface AdminServerOptions {
  readonly operator: Operator
  readonly readiness: Readiness
  readonly metrics: MetricsSource
  readonly log: Log
}

/** The server of ADMIN_PORT. */
export interface AdminServer {
  /** Starts to listen and resolves to the port. */
  listen(host: string, port: number): Promise<number>
  /** Closes every connection at once. */
  close(): Promise<void>
}

/** Metrics and health on a separate port, which need not be public. */
export function createAdminServer({ operator, readiness, metrics, log }: AdminServerOptions): AdminServer {
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      log.error({ err: error }, 'a request to ADMIN_PORT failed')
      response.destroy()
    })
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = '/'] = (request.url ?? '/').split('?')
    const refusal = operator.refusalOnAdminPort(path === '/metrics' ? 'metrics' : 'health', request)
    if (refusal !== null) return refuse(response, refusal)
    switch (path) {
      case '/metrics':
        return sendMetrics(response, metrics)
      case '/health/ready':
        return sendReadiness(response, readiness, operator.refusalOnAdminPort('metrics', request) === null)
      case '/health/live':
        return sendLiveness(response)
      default:
        sendJson(response, 404, { message: 'Not found. This port serves /metrics, /health/ready and /health/live.' })
    }
  }

  return {
    listen: (host, port) => listen(server, host, port),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
