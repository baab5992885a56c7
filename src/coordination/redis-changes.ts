import { randomUUID } from 'node:crypto'
import { anyTask, changeMessage, parseChangeMessage } from './change-message.ts'
import type { RedisConnection } from './redis-connection.ts'
import { createInProcessChanges } from './in-process-changes.ts'
import type { Changes } from '../separation/changes.ts'
import type { Log } from '../runtime/log.ts'
import { withTimeout } from '../runtime/with-timeout.ts'

/** Changes shared by all gateways on one Redis. */
export interface RedisChanges extends Changes {
  /** The number of listeners in this gateway, over all tasks and owners. */
  size(): number
}

export interface RedisChangesOptions {
  readonly redis: RedisConnection
  /** Identifies the deployment, because several may share one Redis. */
  readonly deployment: string
  readonly log: Log
}

/** If more changes could not be published, `anyTask` is published instead of them. */
const maxMissed = 1_000
/** How long a message of this gateway may take back to it. */
const maxProbeMs = 300

/**
 * Notifies the listeners of this gateway directly, and those of other gateways over one channel. A change is only a hint,
 * so a loss of the connection is made up for afterwards: this gateway publishes the changes that it could not publish, and
 * notifies all its own listeners, because it may have missed any change.
 */
export function createRedisChanges({ redis, deployment, log }: RedisChangesOptions): RedisChanges {
  const local = createInProcessChanges()
  const ownId = randomUUID()
  const channel = `stemgate:${deployment}:changes`
  /** The owner of each task whose change could not be published; undefined if it is not known. */
  const missed = new Map<string, string | undefined>()

  function notifyOthers(taskId: string, owner?: string): void {
    redis
      .run((client) => client.publish(channel, changeMessage({ from: ownId, taskId, owner })))
      .catch((error: unknown) => {
        if (missed.size <= maxMissed) missed.set(taskId, owner)
        log.debug({ taskId, error: String(error) }, 'a change could not be published to the other gateways')
      })
  }

  // A channel of its own, so that no gateway receives the probes of others.
  const probeChannel = `${channel}:${ownId}`
  let onProbe = () => {}
  redis.subscribe(
    probeChannel,
    () => onProbe(),
    () => {},
  )
  redis.subscribe(
    channel,
    (message) => {
      const change = parseChangeMessage(message)
      if (change === null || change.from === ownId) return
      if (change.taskId === anyTask) local.notifyAll()
      else local.publish(change.taskId, change.owner)
    },
    local.notifyAll,
  )
  redis.onAvailable(() => {
    const changes = missed.size > maxMissed ? [[anyTask, undefined] as const] : [...missed]
    missed.clear()
    for (const [taskId, owner] of changes) notifyOthers(taskId, owner)
  })

  return {
    publish(taskId, owner) {
      local.publish(taskId, owner)
      notifyOthers(taskId, owner)
    },
    listen: local.listen,
    listenToOwner: local.listenToOwner,
    /** Sends a message to itself: a connection may be silent long before it counts as lost. */
    async hearsOthers() {
      const heard = new Promise<true>((resolve) => (onProbe = () => resolve(true)))
      try {
        await redis.run((client) => client.publish(probeChannel, ''))
        return (await withTimeout(maxProbeMs, heard)) ?? false
      } catch {
        return false
      }
    },
    size: local.size,
  }
}
