import { completedAtMs, settledAtMs, startedAtMs } from '../separation/task/task-times.ts'
import { phaseOf, statusOf } from '../separation/task/task-status.ts'
import { stemName } from '../separation/task/stem.ts'
import type { Result, Task } from '../separation/task/task.ts'

/**
 * A task for `--json`: all that is stored of it, with times in ISO 8601. Of addresses, only their hosts: the rest of a provider's
 * address may be what lets anybody read the file.
 */
export function describeTask(task: Task) {
  const { trace, archive } = task
  return {
    id: task.id,
    owner: task.owner,
    provider: task.provider,
    providerTaskId: task.providerTaskId,
    sharedProviderTaskId: task.sharedProviderTaskId,
    type: task.type,
    status: statusOf(task),
    phase: phaseOf(task),
    charge: task.charge,
    failure: task.state === 'failed' ? { ...task.failure, atMs: undefined, at: timeOf(task.failure.atMs) } : null,
    musicTaskId: task.musicTaskId,
    audioId: task.audioId,
    musicId: task.musicId?.value ?? null,
    originHost: hostOf(task.originUrl?.value),
    reference: task.reference,
    revision: task.revision,
    createdAt: task.isCreatedAtKnown ? timeOf(task.createdAtMs) : null,
    sentAt: task.charge === 'NONE' ? null : timeOf(startedAtMs(task)),
    expectedAt: timeOf(task.expectedAtMs),
    settledAt: timeOf(settledAtMs(task)),
    completedAt: timeOf(completedAtMs(task)),
    updatedAt: timeOf(task.updatedAtMs),
    requestId: trace?.requestId ?? null,
    traceId: trace?.traceId ?? null,
    events: task.events.map(({ kind, atMs }) => ({ kind, at: timeOf(atMs) })),
    stems: stemsOf(resultOf(task)),
    archive:
      archive === null
        ? null
        : {
            copies: archive.copies.map(({ stem, sha256, sizeBytes, atMs }) => ({
              stem,
              sha256,
              sizeBytes,
              at: timeOf(atMs),
            })),
            deletedAt: timeOf(archive.deletedAtMs),
          },
  }
}

function resultOf(task: Task): Result | null {
  switch (task.state) {
    case 'pending':
      return task.partial
    case 'succeeded':
      return task
    case 'failed':
      return null
  }
}

function stemsOf(result: Result | null) {
  return (result?.stems ?? []).map((stem) => ({
    name: stemName(stem),
    label: stem.label,
    host: hostOf(stem.url.value),
    by: stem.url.by,
    durationSeconds: stem.durationSeconds,
  }))
}

/** A time of the store as ISO 8601 in UTC. */
export function timeOf(atMs: number | null): string | null {
  return atMs === null ? null : new Date(atMs).toISOString()
}

function hostOf(url: string | undefined): string | null {
  return url !== undefined && URL.canParse(url) ? new URL(url).host : null
}
