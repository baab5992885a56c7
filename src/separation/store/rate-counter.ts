import type { ProviderName } from '../task/provider-name.ts'

/** An order that asks for a slot within a provider's rate. */
export interface OrderSlot {
  readonly provider: ProviderName
  /** Identifies the slot. Asking again for one that was taken changes nothing. */
  readonly name: string
  /** Identifies the caller. */
  readonly caller: string
}

export interface OrderSlotRequest extends OrderSlot {
  /** Whether to take the slot; otherwise only the caller is marked as waiting. */
  readonly mayTake: boolean
  /** The number of slots in each window, and how many of them one caller may have while others wait. */
  readonly limit: number
  readonly share: number
  readonly windowMs: number
  /** The orders that are served before this one: of all callers, and of this caller. */
  readonly waitingAll: number
  readonly waitingOwn: number
}

export interface OrderSlotAnswer {
  readonly isTaken: boolean
  /** How long until there may be a slot, in milliseconds. */
  readonly freeInMs: number
  /** Whether no caller can get a slot now. */
  readonly isFull: boolean
  /** Whether the caller holds its share while others wait. */
  readonly isShareUsed: boolean
}

export interface ReadSlotsRequest {
  readonly provider: ProviderName
  /** How many reads wait. */
  readonly count: number
  /** At most `slots` reads in each `everyMs`. */
  readonly slots: number
  readonly everyMs: number
}

export interface ReadSlotsAnswer {
  readonly taken: number
  /** When these reads may begin, or if none were taken when to ask again, in milliseconds from now. */
  readonly inMs: number
}

/** Counts the orders and reads of all gateways together. Every method rejects if it cannot do so now. */
export interface RateCounter {
  takeOrderSlot(request: OrderSlotRequest): Promise<OrderSlotAnswer>
  /** Counts a slot that was taken from now on. */
  renewOrderSlot(slot: OrderSlot & Pick<OrderSlotRequest, 'windowMs'>): Promise<void>
  freeOrderSlot(slot: OrderSlot): Promise<void>
  takeReadSlots(request: ReadSlotsRequest): Promise<ReadSlotsAnswer>
}
