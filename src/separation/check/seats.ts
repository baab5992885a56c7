/** Limits the checks that run or wait for their slot at the same time. Each of them has a seat. */
export interface Seats {
  has(taskId: string): boolean
  take(taskId: string): void
  /** The check has its slot. Returns whether it was waiting for it. */
  gotSlot(taskId: string): boolean
  leave(taskId: string): void
  /** How many more checks may begin. Not above 0: none. */
  free(): number
  /** Whether at most half of the checks that may wait for a slot do so. */
  isHalfFree(): boolean
}

export interface SeatsOptions {
  /** How many checks run at the same time, those that wait for their slot included. */
  readonly max: number
  /** How many checks wait for their slot at the same time. */
  readonly maxWaiting: () => number
}

export function createSeats({ max, maxWaiting }: SeatsOptions): Seats {
  const taken = new Set<string>()
  const waiting = new Set<string>()
  return {
    has: (taskId) => taken.has(taskId),
    take(taskId) {
      taken.add(taskId)
      waiting.add(taskId)
    },
    gotSlot: (taskId) => waiting.delete(taskId),
    leave(taskId) {
      taken.delete(taskId)
      waiting.delete(taskId)
    },
    free: () => Math.min(max - taken.size, maxWaiting() - waiting.size),
    isHalfFree: () => waiting.size <= maxWaiting() / 2,
  }
}
