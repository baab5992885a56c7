import { UsageError } from '../runtime/usage-error.ts'
import type { TaskReader } from '../separation/store/task-reader.ts'
import { isProviderTaskId } from '../separation/task/provider-task-id.ts'
import { providerNames } from '../separation/task/provider-name.ts'
import type { Task } from '../separation/task/task.ts'
import { isTaskId } from '../separation/task/task-id.ts'

/** The most tasks that one call of a command may name. */
export const maxIds = 1_000

/** The tasks that were named, each once, in the order of their ids as given. */
export interface NamedTasks {
  readonly tasks: readonly Task[]
  /** The ids, as given, that no task has. */
  readonly unknown: readonly string[]
}

/**
 * Finds tasks by their own ids, in upper or lower case, or by those of their providers. Throws UsageError if two providers have a
 * task of that id.
 */
export async function findTasks(
  store: Pick<TaskReader, 'find' | 'findBound'>,
  ids: readonly string[],
): Promise<NamedTasks> {
  const own = new Map(ids.filter((id) => isTaskId(id.toLowerCase())).map((id) => [id, id.toLowerCase()]))
  const others = ids.filter((id) => !own.has(id) && isProviderTaskId(id))
  const [byId, bound] = await Promise.all([
    own.size === 0 ? [] : store.find([...new Set(own.values())]),
    others.length === 0
      ? []
      : store.findBound(
          others.flatMap((providerTaskId) => providerNames.map((provider) => ({ provider, providerTaskId }))),
        ),
  ])
  const found = ids.map((id) => {
    const ownId = own.get(id)
    const matches =
      ownId === undefined
        ? bound.filter((task) => task.providerTaskId === id)
        : byId.filter((task) => task.id === ownId)
    if (matches.length > 1) {
      const list = matches.map((task) => `${task.id} of ${task.provider}`).join(' and ')
      throw new UsageError(`Several providers have a task of this id: ${list}. Give the id that begins with sep_.`)
    }
    return { id, task: matches[0] }
  })
  return {
    tasks: [...new Map(found.flatMap(({ task }) => (task === undefined ? [] : [[task.id, task]]))).values()],
    unknown: [...new Set(found.flatMap(({ id, task }) => (task === undefined ? [id] : [])))],
  }
}
