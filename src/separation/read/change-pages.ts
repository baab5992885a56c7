import type { ChangeCursor, ChangeReader, ChangeTotals, TaskChange } from '../store/change-reader.ts'
import { noChanges, withPage } from './change-totals.ts'
import type { HeldPositions } from './held-positions.ts'

/** The changes that one read of all changes has found. */
export interface FoundChanges {
  /** Where it began. */
  readonly position: number
  /** When it began. */
  readonly atMs: number
  readonly totals: ChangeTotals
}

/** A read of all changes that is under way. */
export interface RunningRead extends FoundChanges {
  /** How far it has come. */
  readonly cursor: ChangeCursor
}

/** The number of changes that are read at once. */
export const pageSize = 500

/** Begins a read of all changes that may be new. */
export function beginRead(held: HeldPositions): RunningRead {
  const atMs = performance.now()
  const position = held.startAt(atMs)
  return { position, atMs, totals: noChanges, cursor: { position, id: '' } }
}

/** Reads the next page of an owner's changes. The read that it returns has come to the end of the page. */
export async function readPage(
  reader: Pick<ChangeReader, 'changes'>,
  owner: string,
  read: RunningRead,
): Promise<{ readonly page: readonly TaskChange[]; readonly read: RunningRead; readonly isLast: boolean }> {
  const page = await reader.changes(owner, { after: read.cursor, limit: pageSize })
  return {
    page,
    read: { ...read, totals: withPage(read.totals, page), cursor: page.at(-1) ?? read.cursor },
    isLast: page.length < pageSize,
  }
}
