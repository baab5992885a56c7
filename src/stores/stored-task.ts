import { z } from 'zod'
import { DamagedTaskError, isSingleTaskError, NewerTaskError } from '../separation/errors.ts'
import type { ProviderReport } from '../separation/advance/report.ts'
import {
  failureCodes,
  partsOfType,
  providerNames,
  refusalReasons,
  separationTypes,
  statusOf,
  type Stem,
  type Task,
} from '../separation/task.ts'
import { carryOver, currentVersion, readDocument, versionOf, type TaskDocument } from './task-document.ts'

const source = z.enum(['callback', 'record-info'])
const part = z.enum([...partsOfType.separate_vocal, ...partsOfType.split_stem, 'other'])
// What a later version may have added is read as the closest thing that this one knows; see `carryOver`.
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
  musicId: reportedText,
  originUrl: reportedText,
  charge: z.enum(['NONE', 'CHARGED', 'MAYBE']),
  revision: z.number(),
  createdAtMs: time,
  isCreatedAtKnown: z.boolean(),
}

/** A part that this version does not know is shown under its own name. */
const stem = z
  .object({
    part: z.string(),
    label: text,
    url: z.object({ value: z.string(), by: source, atMs: time }),
    durationSeconds: z.number().nullable(),
    originId: text,
  })
  .transform((read): Stem => {
    const known = part.safeParse(read.part)
    return known.success ? { ...read, part: known.data } : { ...read, part: 'other', label: read.label ?? read.part }
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
          // Callbacks that were stored before stems had one do not hold it.
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

/** What stands in the rows of tasks that a later version wrote, by the task that was read from each. */
const newerDocuments = new WeakMap<Task, TaskDocument>()

/**
 * The task as a row, but for when it is due.
 * @param before the task as it was read, if it was: what a later version wrote beside it is carried over
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
    created_at: task.createdAtMs,
    revision: task.revision,
    task: JSON.stringify(documentOf(task, before)),
  }
}

/** The columns in which a row changes: what a later version wrote into others stays. */
export function changedColumns(task: Task, before: Task): Partial<ReturnType<typeof columnsOf>> {
  const old: Readonly<Record<string, unknown>> = columnsOf(before)
  return Object.fromEntries(Object.entries(columnsOf(task, before)).filter(([name, value]) => old[name] !== value))
}

function documentOf(task: Task, before: Task | null): unknown {
  const later = before === null ? undefined : newerDocuments.get(before)
  return later === undefined ? { version: currentVersion, ...task } : carryOver(later, before, task)
}

/**
 * Reads a task back as it was written, by whatever version. Throws NewerTaskError for what only a later version understands
 * (a new state, a new provider), and DamagedTaskError if the row holds anything else.
 */
export function parseStoredTask(json: string): Task {
  const document = readDocument(json)
  const isLater = versionOf(document) > currentVersion
  const read = taskSchema.safeParse(document)
  if (!read.success) {
    const details = { cause: read.error }
    if (!isLater) throw new DamagedTaskError('The row of this task is damaged.', details)
    throw new NewerTaskError('A later version of the gateway wrote this task.', details)
  }
  const task: Task = read.data
  if (isLater) newerDocuments.set(task, document)
  return task
}

/** Reads several tasks, without those that cannot be read: they do not hold up the others. */
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

/** Reads a callback's payload back as it was written; null if this version cannot understand it. */
export function parseStoredReport(json: string): ProviderReport | null {
  return reportSchema.safeParse(JSON.parse(json)).data ?? null
}
