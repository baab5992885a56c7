/** A place among the changes of an owner's tasks. */
export interface ChangeCursor {
  /** See `TaskChange`. */
  readonly position: number
  /** Orders the changes of one position. Empty: before all of them. */
  readonly id: string
}

/** A position among the changes of an owner's tasks. */
export interface OwnerPosition {
  readonly owner: string
  /** See `TaskChange`. */
  readonly position: number
}

/** Tells apart the states of an owner's changes. One number would not do: a task may be deleted while another one changes. */
export interface ChangeTotals {
  readonly count: number
  readonly revisionSum: number
  /** The greatest position; 0 if there is no change. */
  readonly latest: number
}

/** The last change of a task. */
export interface TaskChange {
  readonly id: string
  readonly revision: number
  /**
   * The database's time of the change in milliseconds since 1970, but always greater than that of every change of the owner that
   * was committed before the change began, whatever the clock does. So a change that is committed later may only have a lower
   * position if it began before.
   */
  readonly position: number
}

/** Reads which tasks have changed. */
export interface ChangeReader {
  /**
   * The revision that is stored now of each of these tasks; no entry for an unknown id. Calls of one turn of the event loop
   * share a read, so there may be entries of other tasks.
   */
  revisions(ids: readonly string[]): Promise<ReadonlyMap<string, number>>
  /**
   * A number that is another one once another process has committed; null if the database cannot tell. Costs next to nothing,
   * and saves reading what has not changed.
   */
  foreignCommits(): Promise<number | null>
  /**
   * The last changes of the owner's tasks after a cursor, oldest first. No task that was last changed before the store knew
   * positions.
   */
  changes(owner: string, page: { readonly after: ChangeCursor; readonly limit: number }): Promise<readonly TaskChange[]>
  /** The position of the owner's newest change; 0 if there is none. */
  latestPosition(owner: string): Promise<number>
  /** The totals of each owner's changes at the position or after it. They are others after every further change. */
  changeTotals(owners: readonly OwnerPosition[]): Promise<ReadonlyMap<string, ChangeTotals>>
}
