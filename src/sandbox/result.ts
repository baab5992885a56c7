import { createHash } from 'node:crypto'
import { filePath } from './file-address.ts'
import { songSeconds } from './song/score.ts'
import { type FileName, type StemNames, stemsOfType } from './stems.ts'
import type { SandboxOrder } from './task-id.ts'
import type { TestTrack } from './test-tracks.ts'

/** A task and its test track. */
export interface SandboxTask {
  readonly id: string
  readonly order: SandboxOrder
  readonly track: TestTrack
}

/** When `delays` times the delay of the task has passed, in milliseconds since 1970. */
export function timeOf(task: SandboxTask, delays: number): number {
  return task.order.createdAtMs + Math.round(delays * task.order.delayMs)
}

/** A short name of the task, for places where its id is too long. */
export function shortNameOf(taskId: string): string {
  return createHash('sha256').update(taskId).digest('hex').slice(0, 16)
}

function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-')
}

function createUrls(task: SandboxTask, publicUrl: string, nowMs: number): (file: FileName) => string | null {
  const { urlsAfter, files } = task.track
  if (urlsAfter === null || nowMs < timeOf(task, urlsAfter)) return () => null
  const base = `${publicUrl.replace(/\/+$/, '')}/sandbox/files`
  return (file) => `${base}${filePath(files, shortNameOf(task.id), file)}`
}

const urlFields = [...stemsOfType.separate_vocal, ...stemsOfType.split_stem].map((stem) => stem.urlField)

function responseOf(task: SandboxTask, publicUrl: string, nowMs: number) {
  const urlOf = createUrls(task, publicUrl, nowMs)
  const stems = stemsOfType[task.order.type]
  return {
    originUrl: urlOf('mix'),
    ...Object.fromEntries(urlFields.map((field) => [field, null])),
    ...Object.fromEntries(stems.map((stem) => [stem.urlField, urlOf(stem.file)])),
    originData:
      // It is the only source of labels and durations.
      urlOf('mix') === null || task.track.files === 'bare'
        ? null
        : stems.map((stem) => ({
            id: uuidOf(`${task.id} ${stem.file}`),
            duration: songSeconds,
            audio_url: urlOf(stem.file),
            stem_type_group_name: stem.label,
          })),
  }
}

const errorMessages = {
  CREATE_TASK_FAILED: 'Failed to create the separation task.',
  GENERATE_AUDIO_FAILED: 'Failed to perform vocal separation.',
  CALLBACK_EXCEPTION: 'Error occurred during callback.',
} as const

export interface ResultContext {
  /** Milliseconds since 1970. */
  readonly nowMs: number
  /** The base URL of the files, without `/sandbox`. */
  readonly publicUrl: string
}

/** The `data` of record-info. `callbackLost`: the last retry of the callback failed. */
export function recordInfoOf(
  task: SandboxTask,
  { nowMs, publicUrl }: ResultContext,
  callbackLost: boolean,
): Readonly<Record<string, unknown>> {
  const { id, order, track } = task
  const ended = nowMs >= timeOf(task, track.endsAfter)
  const end = callbackLost && track.endsAs === 'SUCCESS' ? 'CALLBACK_EXCEPTION' : track.endsAs
  const failed = ended && end !== 'SUCCESS'
  const hasResponse = ended && (end === 'SUCCESS' || end === 'CALLBACK_EXCEPTION')
  return {
    taskId: id,
    musicId: uuidOf(order.audioId),
    callbackUrl: order.callbackUrl,
    audioId: order.audioId,
    completeTime: ended ? timeOf(task, track.endsAfter) : null,
    response: hasResponse ? responseOf(task, publicUrl, nowMs) : null,
    successFlag: ended ? end : 'PENDING',
    createTime: order.createdAtMs,
    errorCode: failed ? 500 : null,
    errorMessage: failed ? errorMessages[end] : null,
  }
}

function hasCallbackField(stem: StemNames): stem is StemNames & { readonly callbackField: string } {
  return stem.callbackField !== null
}

/** The body of a callback. Missing URLs are empty strings, and there is no piano. */
export function callbackOf(task: SandboxTask, { nowMs, publicUrl }: ResultContext) {
  const { endsAs } = task.track
  if (endsAs !== 'SUCCESS') {
    return { code: 500, msg: errorMessages[endsAs], data: { task_id: task.id, vocal_separation_info: null } }
  }
  const urlOf = createUrls(task, publicUrl, nowMs)
  const stems = stemsOfType[task.order.type].filter(hasCallbackField)
  return {
    code: 200,
    msg: 'vocal separation generated successfully.',
    data: {
      task_id: task.id,
      vocal_separation_info: {
        origin_url: urlOf('mix') ?? '',
        ...Object.fromEntries(stems.map((stem) => [stem.callbackField, urlOf(stem.file) ?? ''])),
      },
    },
  }
}
