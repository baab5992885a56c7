import type { Report, ReportedStem, Told } from './report.ts'
import {
  failureCodes,
  knownParts,
  stemName,
  type Charge,
  type Failure,
  type Said,
  type Stem,
  type SucceededTask,
  type Task,
} from './task.ts'

/**
 * What a task becomes when a report about it arrives: the one rule by which tasks change.
 *
 * It is a merge. The same report twice changes nothing, and any order of the same reports ends in the same task (but for
 * `revision`, which counts the steps). Pending gives way to failed and failed to succeeded, never back. Stems are only
 * added. Of two values for one thing record-info's is kept; of two from one source, the smaller, so that order cannot
 * matter. Returns the very same object if the report brought nothing new.
 *
 * @param atMs when the report was made, in milliseconds since 1970
 */
export function advance(task: Task, report: Report, atMs: number): Task {
  const next = merge(task, report, atMs)
  return isSame(task, next) ? task : { ...next, revision: task.revision + 1 }
}

function merge(task: Task, report: Report, atMs: number): Task {
  switch (report.kind) {
    case 'accepted':
      return { ...task, providerTaskId: task.providerTaskId ?? report.providerTaskId, charge: 'CHARGED' }
    case 'refused':
      return fail(withCharge(task, 'NONE'), {
        code: 'SUBMISSION_REFUSED',
        providerCode: report.refusal.providerCode,
        message: report.refusal.message,
        by: 'gateway',
        atMs: withinLife(task, atMs, atMs),
        refusal: report.refusal,
      })
    case 'unconfirmed':
      return fail(task, conclusion(task, 'SUBMISSION_UNCONFIRMED', atMs))
    case 'no-result':
      return fail(task, conclusion(task, 'NO_RESULT', atMs))
    case 'empty-result':
      return succeed(task, [], { value: withinLife(task, atMs, atMs), by: 'record-info' })
    case 'told':
      return mergeTold(task, report, atMs)
  }
}

const conclusions = {
  SUBMISSION_UNCONFIRMED:
    'The provider never confirmed this order, so it may have been charged. ' +
    'If its callback still comes, this task becomes what the callback says.',
  NO_RESULT: 'The provider took the order and gave no result within the time that we wait for one.',
} as const

/** A failure that nobody reported: the wait is over. */
function conclusion(task: Task, code: keyof typeof conclusions, atMs: number): Failure {
  return { code, providerCode: null, message: conclusions[code], by: 'gateway', atMs: withinLife(task, atMs, atMs) }
}

function mergeTold(task: Task, told: Told, atMs: number): Task {
  const isOfAnotherTask = task.providerTaskId !== null && task.providerTaskId !== told.providerTaskId
  if (isOfAnotherTask) return task

  const { by, outcome } = told
  const isAdopted = task.musicTaskId === null
  const known: Task = {
    ...task,
    // A callback alone binds nothing: its words may name a task that is not ours.
    providerTaskId: by === 'record-info' ? told.providerTaskId : task.providerTaskId,
    charge: 'CHARGED',
    // What was ordered through us is known from the order.
    type: isAdopted ? smaller(task.type, told.type) : task.type,
    audioId: isAdopted ? smaller(task.audioId, told.audioId) : task.audioId,
    musicId: preferred(task.musicId, said(told.musicId, by)),
    originUrl: preferred(task.originUrl, said(told.originUrl, by)),
  }
  switch (outcome.state) {
    case 'pending':
      return known
    case 'failed':
      return fail(known, {
        code: outcome.code,
        providerCode: outcome.providerCode,
        message: outcome.message,
        by,
        atMs: withinLife(task, outcome.completedAtMs ?? atMs, atMs),
      })
    case 'succeeded': {
      // What a callback leaves out record-info may know; it is asked anyway.
      if (outcome.stems.length === 0) return by === 'record-info' ? awaitStems(known, atMs) : known
      const completedAt = { value: withinLife(task, outcome.completedAtMs ?? atMs, atMs), by }
      return succeed(
        known,
        outcome.stems.map((stem) => stemSaid(stem, by)),
        completedAt,
      )
    }
  }
}

/** A success that names no stem yet: the task goes on pending, and remembers since when. */
function awaitStems(task: Task, atMs: number): Task {
  return task.state === 'pending' ? { ...task, emptySinceMs: Math.min(task.emptySinceMs ?? atMs, atMs) } : task
}

function succeed(task: Task, stems: readonly Stem[], completedAt: Said<number>): SucceededTask {
  const before = task.state === 'succeeded' ? task : null
  return {
    ...orderOf(task),
    charge: 'CHARGED',
    state: 'succeeded',
    stems: mergeStems(before?.stems ?? [], stems),
    completedAtMs: preferred(before?.completedAtMs ?? null, completedAt) ?? completedAt,
  }
}

function fail(task: Task, failure: Failure): Task {
  switch (task.state) {
    case 'pending':
      return { ...orderOf(task), state: 'failed', failure }
    case 'failed':
      return { ...task, failure: strongerFailure(task.failure, failure) }
    case 'succeeded':
      return task
  }
}

/** The task without what belongs to its state. */
function orderOf(task: Task) {
  const { id, owner, provider, providerTaskId, type, musicTaskId, audioId } = task
  const { musicId, originUrl, charge, revision, createdAtMs } = task
  return {
    id,
    owner,
    provider,
    providerTaskId,
    type,
    musicTaskId,
    audioId,
    musicId,
    originUrl,
    charge,
    revision,
    createdAtMs,
  }
}

function withCharge(task: Task, charge: Charge): Task {
  return task.charge === 'MAYBE' ? { ...task, charge } : task
}

function mergeStems(before: readonly Stem[], added: readonly Stem[]): readonly Stem[] {
  const byName = new Map(before.map((stem) => [stemName(stem), stem]))
  for (const stem of added) {
    const known = byName.get(stemName(stem))
    byName.set(stemName(stem), known === undefined ? stem : mergeStem(known, stem))
  }
  return [...byName.values()].toSorted((a, b) => place(a) - place(b) || compare(stemName(a), stemName(b)))
}

function mergeStem(a: Stem, b: Stem): Stem {
  // Whoever names a stem names its address, so that the address tells whose words the others are.
  if (a.url.by !== b.url.by) return a.url.by === 'record-info' ? a : b
  return {
    part: a.part,
    label: smaller(a.label, b.label),
    url: preferred(a.url, b.url) ?? a.url,
    durationSeconds: smaller(a.durationSeconds, b.durationSeconds),
    originId: smaller(a.originId, b.originId),
  }
}

function place(stem: Stem): number {
  return stem.part === 'other' ? knownParts.length : knownParts.indexOf(stem.part)
}

function stemSaid(stem: ReportedStem, by: Said<string>['by']): Stem {
  return { ...stem, url: { value: stem.url, by } }
}

function said(value: string | null, by: Said<string>['by']): Said<string> | null {
  return value === null ? null : { value, by }
}

/** Record-info's word before the callback's; of two from one source, the smaller. */
function preferred<T extends string | number>(a: Said<T> | null, b: Said<T> | null): Said<T> | null {
  if (a === null || b === null) return a ?? b
  if (a.by !== b.by) return a.by === 'record-info' ? a : b
  return a.value <= b.value ? a : b
}

function smaller<T extends string | number>(a: T | null, b: T | null): T | null {
  if (a === null || b === null) return a ?? b
  return a <= b ? a : b
}

const strengthOfSource = { gateway: 0, callback: 1, 'record-info': 2 } as const

/** The later in `failureCodes`; then the lower provider code; then the better source; then anything that is fixed. */
function strongerFailure(a: Failure, b: Failure): Failure {
  const order =
    failureCodes.indexOf(b.code) - failureCodes.indexOf(a.code) ||
    (a.providerCode ?? Number.MAX_SAFE_INTEGER) - (b.providerCode ?? Number.MAX_SAFE_INTEGER) ||
    strengthOfSource[b.by] - strengthOfSource[a.by] ||
    compare(a.message, b.message) ||
    a.atMs - b.atMs
  return order <= 0 ? a : b
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

/** A provider's clock is not ours: what it did, it did between our order and its telling us. */
function withinLife(task: Task, timeMs: number, atMs: number): number {
  return Math.max(task.createdAtMs, Math.min(timeMs, atMs))
}

/** Tasks are plain data and built by the functions above alone, so that equal ones read the same. */
function isSame(a: Task, b: Task): boolean {
  return a === b || canonical(a) === canonical(b)
}

function canonical(task: Task): string {
  return JSON.stringify(Object.entries(task).toSorted(([a], [b]) => compare(a, b)))
}
