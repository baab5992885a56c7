import { createClient } from 'graphql-ws'
import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import type { Result } from './gateway.ts'
import { post, readEvents, webSocketUrl } from './transports.ts'

/** A task as a dashboard shows it. */
export interface ShownTask {
  readonly id: string
  readonly revision: number
  readonly settled: boolean
}

export interface Dashboard {
  /** Everything that it was sent, in order. */
  readonly shown: ShownTask[]
  readonly errors: NonNullable<Result<unknown>['errors']>[number][]
  /** The last revision of each task. */
  latest(): Readonly<Record<string, number>>
  hasEnded(): boolean
  close(): void
}

export interface DashboardOptions {
  readonly variables?: Readonly<Record<string, unknown>>
  readonly authorization?: string
  readonly query?: string
}

export const dashboardQuery = `
  subscription ($where: SeparationFilter, $ids: [ID!], $since: DateTime) {
    separationsUpdated(where: $where, ids: $ids, since: $since) { id revision settled }
  }`

export type OpenDashboard = (url: string, options?: DashboardOptions) => Dashboard

/** Opens a dashboard that ends with the test. */
export const dashboardOver = {
  WebSocket(url: string, { variables = {}, authorization, query = dashboardQuery }: DashboardOptions = {}) {
    const client = createClient({
      url: webSocketUrl(url),
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      ...(authorization === undefined ? {} : { connectionParams: { authorization } }),
    })
    onTestFinished(() => void client.dispose())
    return collect(client.iterate({ query, variables }), () => void client.dispose())
  },
  SSE(url: string, { variables = {}, authorization, query = dashboardQuery }: DashboardOptions = {}) {
    const leaving = new AbortController()
    onTestFinished(() => leaving.abort())
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization }
    async function* events() {
      const init = { signal: leaving.signal, headers }
      yield* readEvents(await post(url, { query, variables }, 'text/event-stream', init))
    }
    return collect(events(), () => leaving.abort())
  },
} as const satisfies Record<string, OpenDashboard>

function collect(results: AsyncIterable<unknown>, close: () => void): Dashboard {
  const shown: ShownTask[] = []
  const errors: NonNullable<Result<unknown>['errors']>[number][] = []
  let hasEnded = false
  const read = async () => {
    try {
      for await (const result of results as AsyncIterable<Result<{ separationsUpdated: ShownTask }>>) {
        if (result.data?.separationsUpdated) shown.push(result.data.separationsUpdated)
        errors.push(...(result.errors ?? []))
      }
    } catch (error) {
      if (Array.isArray(error)) errors.push(...error)
    }
    hasEnded = true
  }
  void read()
  return {
    shown,
    errors,
    latest: () => Object.fromEntries(shown.map(({ id, revision }) => [id, revision])),
    hasEnded: () => hasEnded,
    close,
  }
}

/** Whether no task was shown with an older revision after a newer one. */
export function isInOrder(shown: readonly ShownTask[]): boolean {
  const latest = new Map<string, number>()
  return shown.every(({ id, revision }) => {
    const isNewer = revision >= (latest.get(id) ?? 0)
    latest.set(id, revision)
    return isNewer
  })
}
