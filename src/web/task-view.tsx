import { useEffect, useRef, useState } from 'preact/hooks'
import { messageOf } from './gateway-error.ts'
import { Pending } from './pending.tsx'
import { DownloadIcon } from './player/icons.tsx'
import { StemPlayer } from './player/stem-player.tsx'
import type { Task, Tasks, TasksState } from './tasks.ts'
import { useNow } from './use-now.ts'
import { partWords, providerWords, relativeTime, standingOf, standingWords, titleOf, typeWords } from './words.ts'

export interface TaskViewProps {
  readonly taskId: string
  readonly tasks: Tasks
  readonly state: TasksState
}

/** One task: what was ordered, how it stands, and its stems. */
export function TaskView({ taskId, tasks, state }: TaskViewProps) {
  const task = state.tasks.find(({ id }) => id === taskId) ?? null
  const [problem, setProblem] = useState<string | null>(null)
  const heading = useRef<HTMLHeadingElement>(null)

  function read(): void {
    setProblem(null)
    tasks.read(taskId).then(
      (found) => {
        if (found === null) setProblem('There is no such separation, or it belongs to another caller.')
        // A provider's own id was adopted.
        else if (found.id !== taskId) location.replace(`#${found.id}`)
      },
      (error: unknown) => setProblem(messageOf(error)),
    )
  }
  // Reads it even if it is listed: late stems may have been added.
  useEffect(read, [taskId])
  useEffect(() => heading.current?.focus(), [taskId, task === null])

  return (
    <section class="card" aria-labelledby="task-heading">
      <a class="back" href="#">
        All separations
      </a>
      <h2 id="task-heading" ref={heading} tabIndex={-1}>
        {task === null ? 'Separation' : titleOf(task)}
      </h2>
      {task === null && problem === null && <p class="soft">Loading…</p>}
      {problem !== null && (
        <div class="problem" role="alert">
          <p>{problem}</p>
          <button onClick={read}>Try again</button>
        </div>
      )}
      {task !== null && <Content task={task} />}
    </section>
  )
}

function Content({ task }: { task: Task }) {
  const now = useNow(1_000)
  const standing = standingOf(task, now)
  return (
    <>
      <p class="facts">
        <span class={`standing ${standing}`} role="status">
          {standingWords[standing]}
        </span>
        <span>
          {task.type === null ? '' : `${typeWords[task.type]} · `}
          {providerWords[task.provider]} · ordered {relativeTime(task.createdAt, now)}
        </span>
      </p>
      {standing === 'pending' && <Pending task={task} now={now} />}
      {standing === 'failed' && <Failed task={task} />}
      {standing === 'expired' && (
        <div class="state">
          <p>
            <strong>The provider no longer keeps these files.</strong>
          </p>
          <p class="soft">
            They were available until {new Date(task.expiresAt ?? 0).toLocaleDateString()}. Order the separation again
            to get new ones.
          </p>
        </div>
      )}
      {standing === 'ready' && <Ready task={task} now={now} />}
      <p class="note id">
        {task.id}
        {task.audioId !== null && task.reference !== null && ` · track ${task.audioId}`}
      </p>
    </>
  )
}

function Failed({ task: { failure, charge } }: { task: Task }) {
  const chargeWords = {
    NONE: 'Nothing was charged.',
    CHARGED: 'The provider charged for the order.',
    MAYBE: 'The provider may have charged for the order. If a result still arrives, it appears here.',
  } as const satisfies Readonly<Record<Task['charge'], string>>
  return (
    <div class="state failed">
      <p>
        <strong>This separation has no stems.</strong>
      </p>
      <p>{failure?.message ?? 'The provider gave no reason.'}</p>
      <p class="soft">{chargeWords[charge]}</p>
    </div>
  )
}

function Ready({ task, now }: { task: Task; now: number }) {
  const missing = task.stems?.missing ?? []
  return (
    <>
      <StemPlayer stems={task.allStems} />
      {task.archiveUrl !== null && task.allStems.length > 1 && (
        // Not `download`: if there is no file, the browser shows the gateway's page that says why.
        <a class="all" href={task.archiveUrl}>
          <DownloadIcon /> Download all (ZIP)
        </a>
      )}
      <p class="note">
        {task.expiresAt !== null &&
          `The provider deletes the files ${relativeTime(task.expiresAt, now)}: download what you want to keep. `}
        {missing.length > 0 && `Without a stem: ${missing.map((part) => partWords[part].toLowerCase()).join(', ')}. `}
        {missing.includes('PIANO') && 'The piano often follows later.'}
      </p>
    </>
  )
}
