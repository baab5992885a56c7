import type { Provider, SeparationType } from '../../schema/operations.ts'
import { storage } from './credential.ts'

/** An order that has not been accepted yet. */
export interface OrderDraft {
  readonly provider: Provider | null
  readonly musicTaskId: string
  readonly audioId: string
  readonly type: SeparationType
  readonly reference: string
  /** The same until the order is accepted or changed, so that a repeated order is charged once. */
  readonly idempotencyKey: string
}

const name = 'stemgate:order'

/** The draft of this tab, so that a reload loses nothing. */
export function readDraft(): Partial<OrderDraft> {
  try {
    const draft: unknown = JSON.parse(storage()?.getItem(name) ?? '{}')
    return typeof draft === 'object' && draft !== null ? draft : {}
  } catch {
    return {}
  }
}

export function keepDraft(draft: OrderDraft): void {
  storage()?.setItem(name, JSON.stringify(draft))
}

/** A new key. `crypto.randomUUID` is missing on pages without TLS. */
export function newIdempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return `page-${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`
}
