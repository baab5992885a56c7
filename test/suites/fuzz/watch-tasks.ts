import { createClient, type Client } from 'graphql-ws'
import { WebSocket } from 'ws'
import { webSocketUrl } from '../../support/transports.ts'
import type { Place } from './fuzz-world.ts'

const query = 'subscription ($taskId: ID!) { separationUpdated(taskId: $taskId) { id revision status settled } }'

/** Subscriptions to tasks that nothing is to become of. */
export interface Watch {
  /** Leaves; resolves to what was told beside how each task stood at first. */
  end(): Promise<readonly string[]>
}

/** Begins to watch; resolves when every task was shown for the first time. */
export async function watchTasks(createOrder: Place, taskIds: readonly string[]): Promise<Watch> {
  const client = clientOf(createOrder)
  const report: string[] = []
  const watching = taskIds.map(
    (taskId) =>
      new Promise<void>((resolve, reject) => {
        let times = 0
        client.subscribe(
          { query, variables: { taskId } },
          {
            next(item) {
              if (times++ > 0) report.push(JSON.stringify(item))
              resolve()
            },
            error: (error) => reject(new Error(`A subscription broke: ${JSON.stringify(error)}`, { cause: error })),
            complete: () => {},
          },
        )
      }),
  )
  await Promise.all(watching)
  return {
    async end() {
      await client.dispose()
      return report
    },
  }
}

/** Resolves to all that a subscription tells of a task, when it has ended. */
export async function untilEnd(createOrder: Place, taskId: string): Promise<readonly string[]> {
  const client = clientOf(createOrder)
  const report: string[] = []
  for await (const item of client.iterate({ query, variables: { taskId } })) report.push(JSON.stringify(item))
  await client.dispose()
  return report
}

function clientOf({ gateway, authorization }: Place): Client {
  const connectionParams = authorization === null ? {} : { authorization }
  return createClient({ url: webSocketUrl(gateway.url), webSocketImpl: WebSocket, retryAttempts: 0, connectionParams })
}
