import * as z from 'zod'
import { DamagedTaskError, isSingleTaskError, NewerTaskError } from '../../separation/errors.ts'
import type { ProviderReport } from '../../separation/task/report.ts'
import { failureCodes, refusalReasons } from '../../separation/task/failure.ts'
import { partsOfType, separationTypes } from '../../separation/task/separation-type.ts'
import { providerNames } from '../../separation/task/provider-name.ts'
import { statusOf } from '../../separation/task/task-status.ts'
import { taskEventKinds } from '../../separation/task/task-event.ts'
import type { Stem } from '../../separation/task/stem.ts'
import type { Task } from '../../separation/task/task.ts'
import { carryOver, currentVersion, readDocument, versionOf, type TaskDocument } from './task-document.ts'

const source = z.enum(['callback', 'record-info'])
const part = z.enum([...partsOfType.separate_vocal, ...partsOfType.split_stem, 'other'])
// Values that a newer version added are read as the closest known value, and `carryOver` preserves the original.
const type = z.enum(separationTypes).nullable().catch(null)
const text = z.string().nullable()
const time = z.number()
const reportedText = z.object({ value: z.string(), by: source }).nullable()

const refusal = z.object({
  reason: z.enum(refusalReasons).catch('refused'),
  providerCode: z.number().nullable(),
  message: z.string(),
  retryable: z.boolean(),
  retryAfterSeconds: z.number().nullable(),
})

const order = {
  id: z.string(),
  owner: z.string(),
  provider: z.enum(providerNames),
  providerTaskId: text,
  sharedProviderTaskId: text,
  type,
  musicTaskId: text,
  audioId: text,
  reference: text,
  musicId: reportedText,
  originUrl: reportedText,
  charge: z.enum(['NONE', 'CHARGED', 'MAYBE']),
  resolution: z.object({ charge: z.enum(['NONE', 'CHARGED']), atMs: time }).nullable(),
  revision: z.number(),
  createdAtMs: time,
  updatedAtMs: time,
  events: z.array(z.object({ kind: z.enum(taskEventKinds).catch('checked'), atMs: time })),
  expectedAtMs: time.nullable(),
  sendAttempt: text,
  trace: z
    .object({
      requestId: z.string(),
      traceId: z.string(),
      // Earlier releases of this format version do not write it.
      spanId: text.default(null),
      isSampled: z.boolean(),
    })
    .nullable(),
  isCreatedAtKnown: z.boolean(),
  archive: z
    .object({
      copies: z.array(z.object({ stem: z.string(), sha256: z.string(), sizeBytes: z.number(), atMs: time })),
      deletedAtMs: time.nullable(),
    })
    .nullable(),
}

/** A part that this version does not know is read as `other`, with its name as the label. */
const stem = z
  .object({
    part: z.string(),
    label: text,
    url: z.object({ value: z.string(), by: source, atMs: time }),
    durationSeconds: z.number().nullable(),
    originId: text,
  })
  .transform((stored): Stem => {
    const known = part.safeParse(stored.part)
    return known.success
      ? { ...stored, part: known.data }
      : { ...stored, part: 'other', label: stored.label ?? stored.part }
  })

const result = {
  stems: z.array(stem),
  completedAtMs: z.object({ value: time, by: source, isReported: z.boolean() }),
  foundAtMs: time,
}

const taskSchema = z.discriminatedUnion('state', [
  z.object({
    ...order,
    state: z.literal('pending'),
    partial: z.object(result).nullable(),
    incompleteSinceMs: time.nullable(),
  }),
  z.object({ ...order, state: z.literal('succeeded'), ...result }),
  z.object({
    ...order,
    state: z.literal('failed'),
    failure: z.object({
      code: z.enum(failureCodes).catch('GENERATION_FAILED'),
      providerCode: z.number().nullable(),
      message: z.string(),
      by: z.enum(['callback', 'record-info', 'gateway']).catch('gateway'),
      atMs: time,
      refusal: refusal.optional(),
    }),
  }),
])

const reportSchema: z.ZodType<ProviderReport> = z.object({
  kind: z.literal('reported'),
  by: source,
  providerTaskId: z.string(),
  type,
  audioId: text,
  musicId: text,
  originUrl: text,
  outcome: z.discriminatedUnion('state', [
    z.object({ state: z.literal('pending') }),
    z.object({
      state: z.literal('succeeded'),
      stems: z.array(
        z.object({
          part,
          label: text,
          url: z.string(),
          durationSeconds: z.number().nullable(),
          // Older stored callbacks lack it.
          originId: text.default(null),
        }),
      ),
      completedAtMs: time.nullable(),
    }),
    z.object({
      state: z.literal('failed'),
      code: z.enum(['CALLBACK_FAILED', 'CREATION_FAILED', 'GENERATION_FAILED']),
      providerCode: z.number().nullable(),
      message: z.string(),
      completedAtMs: time.nullable(),
    }),
  ]),
})

/** The stored document of each task that was read from a newer version's row. */
const newerDocuments = new WeakMap<Task, TaskDocument>()

/**
 * The row of a task, without `due_at`.
 * @param before the task as read from the store, if any: fields that only a newer version knows are carried over
 */
export function columnsOf(task: Task, before: Task | null = null) {
  return {
    id: task.id,
    owner: task.owner,
    provider: task.provider,
    provider_task_id: task.providerTaskId,
    type: task.type,
    status: statusOf(task),
    charge: task.charge,
    music_task_id: task.musicTaskId,
    audio_id: task.audioId,
    reference: task.reference,
    created_at: task.createdAtMs,
    revision: task.revision,
    task: JSON.stringify(documentOf(task, before)),
  }
}

/** The row of a task, as `columnsOf` makes it. */
export type TaskColumns = ReturnType<typeof columnsOf>

/** The columns that change. The others are not written, so that values of a newer version stay. */
export function changedColumns(row: TaskColumns, before: TaskColumns): readonly (keyof TaskColumns)[] {
  return Object.keys(row)
    .filter((name) => isColumn(name, row))
    .filter((name) => row[name] !== before[name])
}

function isColumn(name: string, row: TaskColumns): name is keyof TaskColumns {
  return name in row
}

function documentOf(task: Task, before: Task | null): unknown {
  const newer = before === null ? undefined : newerDocuments.get(before)
  return newer === undefined ? { version: currentVersion, ...task } : carryOver(newer, before, task)
}

/**
 * Parses a stored task of any version. Throws NewerTaskError if only a newer version can read it (a new state or provider),
 * and DamagedTaskError if the row is invalid.
 */
export function parseStoredTask(json: string): Task {
  const document = readDocument(json)
  const isNewer = versionOf(document) > currentVersion
  const parsed = taskSchema.safeParse(document)
  if (!parsed.success) {
    const details = { cause: parsed.error }
    if (!isNewer) throw new DamagedTaskError('The stored row of this task is damaged.', details)
    throw new NewerTaskError('A newer version of the gateway wrote this task.', details)
  }
  const task: Task = parsed.data
  if (isNewer) newerDocuments.set(task, document)
  return task
}

/** Parses several stored tasks and skips those that cannot be read, so that they do not block the others. */
export function parseStoredPage(rows: readonly { readonly task: string }[]): readonly Task[] {
  return rows.flatMap(({ task }) => {
    try {
      return [parseStoredTask(task)]
    } catch (error) {
      if (isSingleTaskError(error)) return []
      throw error
    }
  })
}

/** Parses the stored payload of a callback; null if this version cannot read it. */
export function parseStoredReport(json: string): ProviderReport | null {
  return reportSchema.safeParse(JSON.parse(json)).data ?? null
}
