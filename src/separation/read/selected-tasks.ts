import type { ChangeCursor, ChangeReader } from '../store/change-reader.ts'
import type { TaskReader } from '../store/task-reader.ts'
import type { Task } from '../task/task.ts'
import { findEach } from './read-task.ts'
import { isSelected, mayHaveBeenSelected, type TaskSelection } from './task-selection.ts'

/** Tasks of an owner, and where those follow that changed after them. */
export interface ChangedTasks {
  readonly tasks: readonly Task[]
  /** null: there are no more. */
  readonly next: ChangeCursor | null
}

/** Reads the tasks of a selection, without those that this version cannot read. Rejects with StoreUnavailableError. */
export interface SelectedTasks {
  /** The newest tasks, newest first. Rejects with TooManyMatchesError as `TaskReader.list` does. */
  newest(owner: string, selection: TaskSelection): Promise<readonly Task[]>
  /** Tasks that changed after the cursor, and that are selected or may have been, oldest change first. */
  changedAfter(owner: string, selection: TaskSelection, after: ChangeCursor): Promise<ChangedTasks>
  latestPosition(owner: string): Promise<number>
}

/** How many tasks a watch begins with, and how many changes are read at a time. */
export const maxSelected = 100

export function createSelectedTasks(
  reader: Pick<TaskReader, 'find' | 'list'> & Pick<ChangeReader, 'changes' | 'latestPosition'>,
): SelectedTasks {
  async function find(owner: string, ids: readonly string[]): Promise<readonly Task[]> {
    const found = ids.length === 0 ? new Map<string, Task>() : await findEach(reader, ids)
    return ids.flatMap((id) => {
      const task = found.get(id)
      return task === undefined || task instanceof Error || task.owner !== owner ? [] : [task]
    })
  }

  return {
    async newest(owner, selection) {
      const { where, ids } = selection
      if (ids === null) return reader.list(owner, { where, limit: maxSelected, inverted: false })
      const tasks = await find(owner, [...ids])
      return tasks
        .filter((task) => isSelected(task, selection))
        .toSorted((a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? 1 : -1))
    },
    async changedAfter(owner, selection, after) {
      const page = await reader.changes(owner, { after, limit: maxSelected })
      const tasks = await find(
        owner,
        page.map(({ id }) => id),
      )
      const last = page.at(-1)
      return {
        tasks: tasks.filter((task) => mayHaveBeenSelected(task, selection)),
        next: page.length < maxSelected || last === undefined ? null : last,
      }
    },
    latestPosition: (owner) => reader.latestPosition(owner),
  }
}
