import { publicNameOf } from '../separation/public-name.ts'
import { completedAtMs } from '../separation/task/task-times.ts'
import { statusOf, type SeparationStatus } from '../separation/task/task-status.ts'
import type { Charge, SucceededTask, Task } from '../separation/task/task.ts'
import type { FailureCode } from '../separation/task/failure.ts'
import type { Stem } from '../separation/task/stem.ts'
import type { WebhookMessage } from '../separation/store/webhook-queue.ts'

/** The `data` of a message about a task: a task as it was after one of its changes, in the words of the GraphQL API. */
export interface TaskData {
  readonly taskId: string
  readonly revision: number
  readonly reference: string | null
  readonly provider: string
  readonly type: string | null
  readonly musicTaskId: string | null
  readonly audioId: string | null
  readonly status: SeparationStatus
  readonly charge: Charge
  /** Empty unless the task has succeeded. */
  readonly stems: readonly { readonly part: string; readonly label: string | null; readonly url: string }[]
  /** null unless the task has failed. */
  readonly failure: {
    readonly code: FailureCode
    readonly providerCode: number | null
    readonly message: string
  } | null
  readonly createdAt: string
  readonly completedAt: string | null
}

export interface MessageBodyOptions {
  /** The URL of a stem, as GraphQL gives it. */
  readonly stemUrlOf: (stem: { readonly task: SucceededTask; readonly stem: Stem }) => string
}

/** The body of a message, as JSON. */
export type MessageBody = (message: Pick<WebhookMessage, 'type' | 'createdAtMs' | 'content'>) => string

/** It is the same at each attempt, unless the secrets of links or PUBLIC_URL have changed. */
export function createMessageBody({ stemUrlOf }: MessageBodyOptions): MessageBody {
  function taskData(task: Task): TaskData {
    const completedMs = completedAtMs(task)
    return {
      taskId: task.id,
      revision: task.revision,
      reference: task.reference,
      provider: publicNameOf(task.provider),
      type: task.type === null ? null : publicNameOf(task.type),
      musicTaskId: task.musicTaskId,
      audioId: task.audioId,
      status: statusOf(task),
      charge: task.charge,
      stems:
        task.state === 'succeeded'
          ? task.stems.map((stem) => ({
              part: publicNameOf(stem.part),
              label: stem.label,
              url: stemUrlOf({ task, stem }),
            }))
          : [],
      failure: task.state === 'failed' ? failureData(task.failure) : null,
      createdAt: isoTime(task.createdAtMs),
      completedAt: completedMs === null ? null : isoTime(completedMs),
    }
  }

  return ({ type, createdAtMs, content }) => {
    const data: unknown = content.kind === 'task' ? taskData(content.task) : JSON.parse(content.data)
    return JSON.stringify({ type, timestamp: isoTime(createdAtMs), data })
  }
}

function failureData({ code, providerCode, message }: NonNullable<TaskData['failure']>) {
  return { code, providerCode, message }
}

function isoTime(atMs: number): string {
  return new Date(atMs).toISOString()
}
