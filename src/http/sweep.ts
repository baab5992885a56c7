/** Visits each of many members at an interval, with one timer. */
export interface Sweep<T> {
  /** Visits the member from the next whole interval on. Returns a function that ends this. */
  add(member: T): () => void
}

/** The members are visited in as many groups, so that no thousands are visited at once. */
const groups = 48

export function createSweep<T>(intervalMs: number, visit: (member: T) => void): Sweep<T> {
  const members = Array.from({ length: groups }, () => new Set<T>())
  let turn = 0
  let size = 0
  let timer: NodeJS.Timeout | undefined

  function visitNextGroup(): void {
    turn = (turn + 1) % groups
    for (const member of members[turn] ?? []) visit(member)
  }

  return {
    add(member) {
      // The group that was visited last: its next visit is the first that comes after a whole interval.
      const group = members[turn]
      group?.add(member)
      size += 1
      timer ??= setInterval(visitNextGroup, intervalMs / groups).unref()
      return function remove() {
        if (group?.delete(member) !== true) return
        size -= 1
        if (size > 0) return
        clearInterval(timer)
        timer = undefined
      }
    },
  }
}
