import type { ChooseMessage, WebhookMessage, WebhookRoom } from '../separation/store/webhook-queue.ts'

export interface SendingRoomOptions {
  /** How many messages are sent to one endpoint at a time. */
  readonly perEndpoint: number
  /** How many messages are sent to all endpoints of one owner at a time. */
  readonly perOwner: number
}

/** What is being sent, so that a slow endpoint does not delay the messages of others. */
export interface SendingRoom {
  /** What else may be leased now. */
  room(): WebhookRoom
  enter(message: WebhookMessage): void
  leave(message: WebhookMessage): void
}

export function createSendingRoom({ perEndpoint, perOwner }: SendingRoomOptions): SendingRoom {
  const endpoints = new Map<string, number>()
  const owners = new Map<string, number>()

  function newChoice(): ChooseMessage {
    const [inEndpoints, inOwners] = [new Map(endpoints), new Map(owners)]
    return ({ endpointId, owner }) => {
      if ((inEndpoints.get(endpointId) ?? 0) >= perEndpoint || (inOwners.get(owner) ?? 0) >= perOwner) return false
      add(inEndpoints, endpointId, 1)
      add(inOwners, owner, 1)
      return true
    }
  }

  return {
    room: () => ({
      full: { endpointIds: fullIn(endpoints, perEndpoint), owners: fullIn(owners, perOwner) },
      newChoice,
    }),
    enter({ endpoint: { id, owner } }) {
      add(endpoints, id, 1)
      add(owners, owner, 1)
    },
    leave({ endpoint: { id, owner } }) {
      add(endpoints, id, -1)
      add(owners, owner, -1)
    },
  }
}

function add(counts: Map<string, number>, name: string, amount: number): void {
  const count = (counts.get(name) ?? 0) + amount
  if (count === 0) counts.delete(name)
  else counts.set(name, count)
}

function fullIn(counts: ReadonlyMap<string, number>, max: number): readonly string[] {
  return [...counts].filter(([, count]) => count >= max).map(([name]) => name)
}
