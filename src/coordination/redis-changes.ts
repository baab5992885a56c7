import { randomUUID } from 'node:crypto'
import type { RedisConnection } from './redis-connection.ts'
import { createInProcessChanges } from './in-process-changes.ts'
import type { Changes } from '../separation/changes.ts'
import type { Log } from '../runtime/log.ts'

/** Changes shared by all gateways on one Redis. */
export interface RedisChanges extends Changes {
  /** The number of listeners in this gateway, over all tasks. */
  size(): number
}

export interface RedisChangesOptions {
  readonly redis: RedisConnection
  /** Identifies the deployment, because several may share one Redis. */
  readonly deployment: string
  readonly log: Log
}

/** Published instead of a task id: any task may have changed. */
const anyTask = '*'
/** If more changes could not be published, `anyTask` is published instead of them. */
const maxMissed = 1_000

/**
 * Notifies the listeners of this gateway directly, and those of other gateways over one channel. A change is only a hint,
 * so a loss of the connection is made up for afterwards: this gateway publishes the changes that it could not publish, and
 * notifies all its own listeners, because it may have missed any change.
 */
export function createRedisChanges({ redis, deployment, log }: RedisChangesOptions): RedisChanges {
  const local = createInProcessChanges()
  const ownId = randomUUID()
  const channel = `stemgate:${deployment}:changes`
  const missed = new Set<string>()

  function notifyOthers(taskId: string): void {
    redis
      .run((client) => client.publish(channel, `${ownId} ${taskId}`))
      .catch((error: unknown) => {
        if (missed.size <= maxMissed) missed.add(taskId)
        log.debug({ taskId, error: String(error) }, 'a change could not be published to the other gateways')
      })
  }

  redis.subscribe(
    channel,
    (message) => {
      const [, from, taskId] = /^([\w-]+) ([\w-]+|\*)$/.exec(message) ?? []
      if (taskId === undefined || from === ownId) return
      if (taskId === anyTask) local.notifyAll()
      else local.publish(taskId)
    },
    local.notifyAll,
  )
  redis.onAvailable(() => {
    const taskIds = missed.size > maxMissed ? [anyTask] : [...missed]
    missed.clear()
    for (const taskId of taskIds) notifyOthers(taskId)
  })

  return {
    publish(taskId) {
      local.publish(taskId)
      notifyOthers(taskId)
    },
    listen: local.listen,
    size: local.size,
  }
}
