import { counted } from '../runtime/counted.ts'
import type { DeletionCounts } from '../separation/purge/delete-tasks.ts'

/** What is said of deletions, while they go on and at their end. */
export interface DeletionNotes {
  /** Writes the progress, at most once a second. */
  show(counts: Readonly<DeletionCounts>): void
  stop(): void
  /** Lines about what was not deleted. */
  kept(counts: Readonly<DeletionCounts>): readonly string[]
}

const intervalMs = 1_000

export function createDeletionNotes(note: (line: string) => void): DeletionNotes {
  let last: string | null = null
  // Short work says nothing.
  const timer = setInterval(() => {
    if (last !== null) note(last)
    last = null
  }, intervalMs)
  return {
    show: ({ deleted }) => void (last = `  ${counted(deleted, 'task')}`),
    stop: () => clearInterval(timer),
    kept: ({ busy, withFiles }) => [
      ...(busy > 0
        ? [`Kept, because something happened to them meanwhile: ${counted(busy, 'task')}. Run this again.`]
        : []),
      ...(withFiles > 0
        ? [
            `Kept, because the archive with their files is not configured here or cannot be used: ${counted(withFiles, 'task')}.`,
          ]
        : []),
    ],
  }
}
