import { ListDocument, ReadDocument, WatchDocument, type SeparationFieldsFragment } from '../../schema/operations.ts'
import type { Gateway } from './gateway.ts'
import { messageOf } from './gateway-error.ts'

/** A separation task as this page shows it. */
export type Task = SeparationFieldsFragment

export interface TasksState {
  /** Newest first. */
  readonly tasks: readonly Task[]
  /** `failed`: the list could not be read; what was read before is still shown. */
  readonly loading: 'loading' | 'ready' | 'failed'
  readonly problem: string | null
  /** Whether older tasks can be loaded. */
  readonly hasMore: boolean
}

/** The caller's tasks: those listed so far, kept current. */
export interface Tasks {
  state(): TasksState
  onChange(listener: () => void): () => void
  /** Reads the newest tasks again. */
  refresh(): Promise<void>
  loadMore(): Promise<void>
  /** Adds a task, or a newer state of one. */
  add(task: Task): void
  /** Reads one task, which need not be listed. Returns null if there is no such task. Throws GatewayError. */
  read(taskId: string): Promise<Task | null>
  close(): void
}

const pageSize = 20

/** Lists the caller's tasks and follows each one that is pending. */
export function createTasks(gateway: Gateway): Tasks {
  const tasks = new Map<string, Task>()
  const followed = new Map<string, () => void>()
  const listeners = new Set<() => void>()
  let state: TasksState = { tasks: [], loading: 'loading', problem: null, hasMore: false }
  let cursor: string | null = null

  function change(next: Partial<TasksState>): void {
    const sorted = [...tasks.values()].toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1))
    state = { ...state, ...next, tasks: sorted }
    for (const listener of listeners) listener()
  }

  function keep(task: Task): void {
    const known = tasks.get(task.id)
    if (known === undefined || known.revision <= task.revision) tasks.set(task.id, task)
    follow(task.id)
  }

  /** Follows a pending task until it is settled. */
  function follow(id: string): void {
    const isPending = tasks.get(id)?.settled === false
    if (!isPending) {
      followed.get(id)?.()
      followed.delete(id)
    } else if (!followed.has(id)) {
      const end = gateway.follow(WatchDocument, { taskId: id }, ({ separationUpdated }) => {
        if (separationUpdated !== null) add(separationUpdated)
      })
      followed.set(id, end)
    }
  }

  function add(task: Task): void {
    keep(task)
    change({})
  }

  async function load(after: string | null): Promise<void> {
    if (after === null && tasks.size === 0) change({ loading: 'loading', problem: null })
    try {
      const { separations } = await gateway.send(ListDocument, { first: pageSize, after })
      for (const { node } of separations.edges) keep(node)
      const isFurther = after !== null || cursor === null
      if (isFurther) cursor = separations.pageInfo.endCursor
      change({
        loading: 'ready',
        problem: null,
        ...(isFurther ? { hasMore: separations.pageInfo.hasNextPage } : {}),
      })
    } catch (error) {
      change({ loading: 'failed', problem: messageOf(error) })
    }
  }

  return {
    state: () => state,
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    refresh: () => load(null),
    loadMore: () => load(cursor),
    add,
    async read(taskId) {
      const { separation } = await gateway.send(ReadDocument, { taskId })
      if (separation !== null) add(separation)
      return separation
    },
    close() {
      for (const end of followed.values()) end()
      listeners.clear()
    },
  }
}
