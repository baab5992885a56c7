import {
  DashboardDocument,
  ListDocument,
  ReadDocument,
  type SeparationFieldsFragment,
} from '../../schema/operations.ts'
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

/** Lists the caller's tasks, and follows all of them with one subscription until it is closed. */
export function createTasks(gateway: Gateway): Tasks {
  const tasks = new Map<string, Task>()
  const listeners = new Set<() => void>()
  let state: TasksState = { tasks: [], loading: 'loading', problem: null, hasMore: false }
  let cursor: string | null = null
  /** What the subscription sent before the list was there. */
  let early: Task[] = []

  function change(next: Partial<TasksState>): void {
    const sorted = [...tasks.values()].toSorted((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt))
    state = { ...state, ...next, tasks: sorted }
    for (const listener of listeners) listener()
  }

  function keep(task: Task): void {
    const known = tasks.get(task.id)
    if (known === undefined || known.revision <= task.revision) tasks.set(task.id, task)
  }

  /** A task that is new, or was changed, here or elsewhere. Older ones than those listed wait for `loadMore`. */
  function keepIfListed(task: Task): void {
    const oldest = state.tasks.at(-1)
    const isOlder = state.hasMore && oldest !== undefined && task.createdAt < oldest.createdAt
    if (state.loading === 'loading') early.push(task)
    else if (!isOlder || tasks.has(task.id)) add(task)
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
    const waiting = early
    early = []
    for (const task of waiting) keepIfListed(task)
  }

  /** Reads what may have changed while the page was not connected: the newest tasks, and older ones that were pending. */
  async function refresh(): Promise<void> {
    const pending = state.tasks.slice(pageSize).filter(({ settled }) => !settled)
    await load(null)
    if (state.loading === 'ready') await Promise.allSettled(pending.map(({ id }) => read(id)))
  }

  async function read(taskId: string): Promise<Task | null> {
    const { separation } = await gateway.send(ReadDocument, { taskId })
    if (separation !== null) add(separation)
    return separation
  }

  const unfollow = gateway.follow(DashboardDocument, {}, ({ separationsUpdated }) => keepIfListed(separationsUpdated))

  return {
    state: () => state,
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    refresh,
    loadMore: () => load(cursor),
    add,
    read,
    close() {
      unfollow()
      listeners.clear()
    },
  }
}
