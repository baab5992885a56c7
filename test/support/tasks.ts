import { newTaskId } from '../../src/separation/task/task-id.ts'
import type { FailedTask, PendingTask, SucceededTask } from '../../src/separation/task/task.ts'
import type { Stem } from '../../src/separation/task/stem.ts'

/** Tasks as they stand in the store, whole. Each is bound to an id of its own. */
export function pendingTask(change: Partial<PendingTask> = {}): PendingTask {
  return { ...orderOfTask(), state: 'pending', partial: null, incompleteSinceMs: null, ...change }
}

export function succeededTask(change: Partial<SucceededTask> = {}): SucceededTask {
  return {
    ...orderOfTask(),
    musicId: { value: 'music-1', by: 'record-info' },
    originUrl: { value: 'https://files.example/origin.mp3', by: 'record-info' },
    state: 'succeeded',
    stems: [stem('vocal', { label: 'Vocals', durationSeconds: 12.5 }), stem('instrumental')],
    completedAtMs: { value: Date.UTC(2030, 0, 1, 0, 1), by: 'record-info', isReported: true },
    foundAtMs: Date.UTC(2030, 0, 1, 0, 1),
    ...change,
  }
}

export function failedTask(change: Partial<FailedTask> = {}): FailedTask {
  return {
    ...orderOfTask(),
    state: 'failed',
    failure: {
      code: 'GENERATION_FAILED',
      providerCode: 501,
      message: 'The track could not be separated.',
      by: 'record-info',
      atMs: Date.UTC(2030, 0, 1, 0, 2),
    },
    ...change,
  }
}

export function stem(part: Stem['part'], change: Partial<Stem> = {}): Stem {
  return {
    part,
    label: null,
    url: { value: `https://files.example/${part}.mp3`, by: 'record-info', atMs: Date.UTC(2030, 0, 1, 0, 1) },
    durationSeconds: null,
    originId: null,
    ...change,
  }
}

function orderOfTask() {
  const id = newTaskId()
  return {
    id,
    owner: 'anonymous',
    provider: 'kie',
    providerTaskId: `provider-task-of-${id}`,
    sharedProviderTaskId: null,
    reference: null,
    updatedAtMs: 0,
    events: [],
    expectedAtMs: null,
    sendAttempt: null,
    resolution: null,
    trace: null,
    archive: null,
    type: 'separate_vocal',
    musicTaskId: 'my-music',
    audioId: 'audio-1',
    musicId: null,
    originUrl: null,
    charge: 'CHARGED',
    revision: 1,
    createdAtMs: Date.UTC(2030, 0, 1),
    isCreatedAtKnown: true,
  } as const
}
