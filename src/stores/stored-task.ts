import { z } from 'zod'
import type { Told } from '../separation/report.ts'
import {
  failureCodes,
  partsOfType,
  providerNames,
  refusalReasons,
  separationTypes,
  statusOf,
  type Task,
} from '../separation/task.ts'

const source = z.enum(['callback', 'record-info'])
const part = z.enum([...partsOfType.separate_vocal, ...partsOfType.split_stem, 'other'])
const type = z.enum(separationTypes).nullable()
const text = z.string().nullable()
const time = z.number()
/** Rows that were written before stems had it do not hold it. */
const originId = text.default(null)
const saidText = z.object({ value: z.string(), by: source }).nullable()

const refusal = z.object({
  reason: z.enum(refusalReasons),
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
  type,
  musicTaskId: text,
  audioId: text,
  musicId: saidText,
  originUrl: saidText,
  charge: z.enum(['NONE', 'CHARGED', 'MAYBE']),
  revision: z.number(),
  createdAtMs: time,
}

const taskSchema: z.ZodType<Task> = z.discriminatedUnion('state', [
  z.object({ ...order, state: z.literal('pending'), emptySinceMs: time.nullable() }),
  z.object({
    ...order,
    state: z.literal('succeeded'),
    stems: z.array(
      z.object({
        part,
        label: text,
        url: z.object({ value: z.string(), by: source }),
        durationSeconds: z.number().nullable(),
        originId,
      }),
    ),
    completedAtMs: z.object({ value: time, by: source }),
  }),
  z.object({
    ...order,
    state: z.literal('failed'),
    failure: z.object({
      code: z.enum(failureCodes),
      providerCode: z.number().nullable(),
      message: z.string(),
      by: z.enum(['callback', 'record-info', 'gateway']),
      atMs: time,
      refusal: refusal.optional(),
    }),
  }),
])

const toldSchema: z.ZodType<Told> = z.object({
  kind: z.literal('told'),
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
        z.object({ part, label: text, url: z.string(), durationSeconds: z.number().nullable(), originId }),
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

/** The task as a row, but for when it is due. */
export function columnsOf(task: Task) {
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
    task: JSON.stringify(task),
  }
}

/** Reads a task back as it was written; throws if the row holds anything else. */
export function parseStoredTask(json: string): Task {
  return taskSchema.parse(JSON.parse(json))
}

/** Reads a callback's words back as they were written; throws if the row holds anything else. */
export function parseStoredTold(json: string): Told {
  return toldSchema.parse(JSON.parse(json))
}
