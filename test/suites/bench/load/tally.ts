/** Counts which subscribers have been told what. */
export interface Tally {
  /** Starts to count anew; resolves when all are told that the task is pending. */
  begin(): Promise<void>
  /** Resolves when so many are told that the task is pending. */
  pendingReaches(many: number): Promise<void>
  /** Resolves to the time of `performance.now()` at which the last one was told that the task is settled. */
  told(): Promise<number>
  pending(): void
  settled(): void
  /** Rejects what waits. */
  fail(error: Error): void
}

export function createTally(count: number): Tally {
  let pending = 0
  let settled = 0
  let isAllPending = createGate<void>()
  let isAllSettled = createGate<number>()
  let some: { many: number; resolve: () => void } | null = null
  return {
    begin() {
      pending = 0
      settled = 0
      isAllPending = createGate()
      isAllSettled = createGate()
      return isAllPending.passed
    },
    pendingReaches: (many) =>
      new Promise((resolve) => {
        some = { many, resolve }
      }),
    told: () => isAllSettled.passed,
    pending() {
      if (++pending === some?.many) some.resolve()
      if (pending === count) isAllPending.open()
    },
    settled() {
      if (++settled === count) isAllSettled.open(performance.now())
    },
    fail(error) {
      isAllPending.fail(error)
      isAllSettled.fail(error)
    },
  }
}

interface Gate<T> {
  readonly passed: Promise<T>
  readonly open: (value: T) => void
  readonly fail: (error: Error) => void
}

function createGate<T>(): Gate<T> {
  let open = (_value: T): void => {}
  let fail = (_error: Error): void => {}
  const passed = new Promise<T>((resolve, reject) => {
    open = resolve
    fail = reject
  })
  // Not everybody waits for it.
  passed.catch(() => {})
  return { passed, open, fail }
}
