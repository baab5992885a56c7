import type { Task, Tasks, TasksState } from './tasks.ts'
import { useNow } from './use-now.ts'
import { relativeTime, standingOf, standingWords, titleOf, typeWords } from './words.ts'

export interface TaskListProps {
  readonly state: TasksState
  readonly tasks: Tasks
  /** The id of the task that is shown beside the list. */
  readonly selected: string | null
}

/** The caller's tasks, newest first, each with its current standing. */
export function TaskList({ state: { tasks: listed, loading, problem, hasMore }, tasks, selected }: TaskListProps) {
  const now = useNow(20_000)
  return (
    <section class="card" aria-labelledby="tasks-heading">
      <h2 id="tasks-heading">Your separations</h2>
      {problem !== null && (
        <div class="problem" role="alert">
          <p>{listed.length > 0 ? `The list may be out of date. ${problem}` : problem}</p>
          <button onClick={() => void tasks.refresh()}>Try again</button>
        </div>
      )}
      {listed.length === 0 && loading === 'loading' && <p class="soft">Loading your separations…</p>}
      {listed.length === 0 && loading === 'ready' && (
        <p class="soft empty">Nothing here yet. Order a separation, and it appears here with every change.</p>
      )}
      {listed.length > 0 && (
        <ul class="tasks">
          {listed.map((task) => (
            <li key={task.id}>
              <TaskLink task={task} now={now} isSelected={task.id === selected} />
            </li>
          ))}
        </ul>
      )}
      {hasMore && (
        <button class="wide" onClick={() => void tasks.loadMore()}>
          Show older separations
        </button>
      )}
    </section>
  )
}

function TaskLink({ task, now, isSelected }: { task: Task; now: number; isSelected: boolean }) {
  const standing = standingOf(task, now)
  return (
    <a href={`#${task.id}`} aria-current={isSelected ? 'true' : undefined}>
      <span class="title">{titleOf(task)}</span>
      <span class={`standing ${standing}`}>{standingWords[standing]}</span>
      <span class="note">
        {task.type === null ? '' : `${typeWords[task.type]} · `}
        <time dateTime={task.createdAt}>{relativeTime(task.createdAt, now)}</time>
      </span>
    </a>
  )
}
