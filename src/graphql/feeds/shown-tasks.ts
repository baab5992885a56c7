import { createBoundedMap } from '../../runtime/bounded-map.ts'
import { isSelected, mayHaveBeenSelected, type TaskSelection } from '../../separation/read/task-selection.ts'
import type { Task } from '../../separation/task/task.ts'

/** The tasks that a dashboard was shown. */
export interface ShownTasks {
  /**
   * Notes a task that was read. Returns whether the dashboard is to be shown it: it has another revision, and it is selected, or
   * it was selected when it was last shown.
   */
  note(task: Task): boolean
}

/** Some 2 MB. */
const maxTasks = 10_000

export function createShownTasks(selection: TaskSelection): ShownTasks {
  const shown = createBoundedMap<{ readonly revision: number; readonly isSelected: boolean }>(maxTasks)

  /** A task that was forgotten may have been selected. */
  function wasSelected(task: Task): boolean {
    return shown.get(task.id)?.isSelected ?? (shown.hasDropped() && mayHaveBeenSelected(task, selection))
  }

  return {
    note(task) {
      const { id, revision } = task
      const last = shown.get(id)
      if (last !== undefined && last.revision >= revision) return false
      const isNowSelected = isSelected(task, selection)
      const isToBeShown = isNowSelected || wasSelected(task)
      if (isToBeShown || last !== undefined) shown.set(id, { revision, isSelected: isNowSelected })
      return isToBeShown
    },
  }
}
