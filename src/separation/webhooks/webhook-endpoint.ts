import { createHash } from 'node:crypto'

/** A URL to which the gateway sends messages about the tasks of one owner. Another owner's equal URL is another endpoint. */
export interface WebhookEndpoint {
  readonly id: string
  readonly owner: string
  readonly url: string
}

/** The prefix of the ids of endpoints. */
export const endpointIdPrefix = 'whe'
const idLength = 32

/** The endpoint of this owner and URL. Its id follows from the two, so that every gateway finds the same. */
export function webhookEndpoint(owner: string, url: string): WebhookEndpoint {
  const digest = createHash('sha256')
    .update(JSON.stringify([owner, url]))
    .digest('hex')
  return { id: `${endpointIdPrefix}_${digest.slice(0, idLength)}`, owner, url }
}
