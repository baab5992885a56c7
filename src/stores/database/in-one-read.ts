import DataLoader from 'dataloader'
import type { ChangeReader } from '../../separation/store/change-reader.ts'

type ReadRevisions = ChangeReader['revisions']

/**
 * Joins the reads of one turn of the event loop. The joined read begins after the last call, so no call gets revisions that
 * are older than the call.
 */
export function inOneRead(read: ReadRevisions): ReadRevisions {
  const calls = new DataLoader<readonly string[], ReadonlyMap<string, number>>(
    async (lists) => {
      const found = await read([...new Set(lists.flat())])
      return lists.map(() => found)
    },
    { cache: false, batchScheduleFn: (run) => setImmediate(run) },
  )
  return (ids) => calls.load(ids)
}
