import { canary } from '../../support/canaries.ts'
import { listTasks, readCounted, type Caller, type Order, type Where } from './client.ts'
import type { CallerEvidence } from './evidence.ts'

/** A caller of the crowd. */
export interface CrowdCaller extends Caller {
  /** Its budget, in orders per month. */
  readonly limit: number
  /** The URL that is told of its tasks. */
  readonly webhookUrl: string
  /** Whether the operator has set that URL for the caller. Otherwise, each order names it. */
  readonly isWebhookSet: boolean
}

/** How many groups of orders each caller has. They follow each other, so that they compete for its budget. */
const groupsEach = 8
/** Every other caller has a budget that all of its orders together exceed. */
const limits = { low: 5, high: 1_000 }

/** The callers of so many groups of orders. Their webhooks go to the receiver, each to a path of its own. */
export function planCallers(groups: number, receiverUrl: string): readonly CrowdCaller[] {
  return Array.from({ length: Math.ceil(groups / groupsEach) }, (_, nth) => {
    const name = `caller-${nth}`
    return {
      name,
      apiKey: `key-of-${name}-${canary}`,
      limit: nth % 2 === 0 ? limits.low : limits.high,
      webhookUrl: `${receiverUrl}/${name}`,
      isWebhookSet: nth % 4 < 2,
    }
  })
}

/** The variables with which a gateway knows these callers, and lets anonymous ones in, who have no budget. */
export function environmentOf(callers: readonly CrowdCaller[]): Readonly<Record<string, string>> {
  const keys = callers.map(({ name, apiKey, limit, webhookUrl, isWebhookSet }) =>
    [`${name}:${apiKey}`, `orders=${limit}/month`, ...(isWebhookSet ? [`webhook=${webhookUrl}`] : [])].join(' '),
  )
  return { API_KEYS: keys.join(','), ALLOW_ANONYMOUS: 'true', WEBHOOK_HOSTS_ALLOWED: '127.0.0.1' }
}

/** The orders of each group, as its caller makes them. */
export function ordersOf(
  callers: readonly CrowdCaller[],
  groups: readonly (readonly Order[])[],
): readonly (readonly Order[])[] {
  return groups.map((group, index) => {
    const caller = callers[Math.floor(index / groupsEach)]
    if (caller === undefined) throw new Error('Each group has a caller.')
    const webhook = caller.isWebhookSet ? {} : { webhookUrl: caller.webhookUrl }
    return group.map((order) => ({ ...order, caller, ...webhook }))
  })
}

/** What the gateway shows to these callers: nothing if it cannot be reached. */
export async function seeCallers(where: Where, callers: readonly CrowdCaller[]): Promise<readonly CallerEvidence[]> {
  return Promise.all(
    callers.map(async (caller): Promise<CallerEvidence> => {
      const [tasks, used] = await Promise.all([
        listTasks(where, caller).catch(() => []),
        readCounted(where, caller).catch(() => null),
      ])
      const { name, limit, webhookUrl, isWebhookSet } = caller
      return {
        name,
        tasks,
        budget: { limit, used },
        told: { path: new URL(webhookUrl).pathname, ofBudget: isWebhookSet },
      }
    }),
  )
}
