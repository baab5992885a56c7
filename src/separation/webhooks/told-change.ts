import { isSettled, type Task } from '../task/task.ts'
import { stemName } from '../task/stem.ts'

/** What a message tells: that a task was settled, or that more is known of a task that was. */
export type ToldChange = 'separation.settled' | 'separation.updated'

/**
 * What to tell about a change; null if nothing. A settled task is told again if a failure became a success, if a stem was added,
 * or if its failure or its charge is another. New addresses of known stems and copies in the archive are not told: the links
 * in earlier messages lead to them.
 */
export function toldChange(before: Task, after: Task): ToldChange | null {
  if (!isSettled(after)) return null
  if (!isSettled(before)) return 'separation.settled'
  return before.charge !== after.charge || outcomeOf(before) !== outcomeOf(after) ? 'separation.updated' : null
}

function outcomeOf(task: Task): string {
  switch (task.state) {
    case 'pending':
      return ''
    case 'failed':
      return task.failure.code
    case 'succeeded':
      return JSON.stringify(task.stems.map(stemName).toSorted())
  }
}
