import { randomUUID } from 'node:crypto'
import type { RedisConnection } from './redis-connection.ts'
import { createInProcessChanges } from './in-process-changes.ts'
import type { Changes } from '../separation/changes.ts'
import type { Log } from '../runtime/log.ts'

/** Changes told to every gateway on one Redis. */
export interface RedisChanges extends Changes {
  /** How many listeners there are in this gateway, over all tasks. */
  size(): number
}

export interface RedisChangesOptions {
  readonly redis: RedisConnection
  /** Which gateways belong together, where several deployments share one Redis. */
  readonly deployment: string
  readonly log: Log
}

/** Stands for a task id where any task may have changed. */
const anyTask = '*'
/** Beyond so many, the changes that Redis missed are told as one. */
const maxMissed = 1_000

/**
 * Listeners of this gateway are told at once, those of the others by one channel. A change is only a hint, so all that a
 * loss of the connection takes is made up for when it is back: what this gateway could not tell it tells then, and what it
 * could not hear may be any change, so all its listeners are told.
 */
export function createRedisChanges({ redis, deployment, log }: RedisChangesOptions): RedisChanges {
  const local = createInProcessChanges()
  const ownId = randomUUID()
  const channel = `stemgate:${deployment}:changes`
  const missed = new Set<string>()

  function notifyOthers(taskId: string): void {
    redis
      .ask((client) => client.publish(channel, `${ownId} ${taskId}`))
      .catch((error: unknown) => {
        if (missed.size <= maxMissed) missed.add(taskId)
        log.debug({ taskId, error: String(error) }, 'a change could not be told to the other gateways')
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
  redis.onBack(() => {
    const again = missed.size > maxMissed ? [anyTask] : [...missed]
    missed.clear()
    for (const taskId of again) notifyOthers(taskId)
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
