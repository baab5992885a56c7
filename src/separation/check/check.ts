import type { Log } from '../../runtime/log.ts'
import { withTimeout } from '../../runtime/with-timeout.ts'
import type { RecordReports } from '../advance/record.ts'
import type { ProviderReport } from '../task/report.ts'
import type { CallbackAddresses } from '../callback/callback-address.ts'
import { StoreUnavailableError } from '../errors.ts'
import type { CheckAnswer, Provider } from '../provider.ts'
import type { CallbackInbox, SavedCallback } from '../store/callback-inbox.ts'
import type { Clock } from '../store/clock.ts'
import type { TaskReader } from '../store/task-reader.ts'
import { taskIds } from '../task-log.ts'
import { isSettled, recordInfoIdOf, type Task } from '../task/task.ts'
import type { ProviderName } from '../task/provider-name.ts'
import { dueCallbackReports, nextGraceEndsMs, type TrustedCallback } from './callback-grace.ts'
import { nextCheckAt, type CheckTimings } from './check-schedule.ts'
import { conclusionOf, type CheckResult } from './conclusion.ts'

export interface CheckOptions {
  readonly inbox: CallbackInbox
  readonly reader: Pick<TaskReader, 'findBound'>
  readonly clock: Clock
  /** From 0 to 1, exclusive. Spreads checks, and chooses among many callback ids. */
  readonly random: () => number
  readonly record: RecordReports
  readonly providers: ReadonlyMap<ProviderName, Provider>
  readonly addresses: CallbackAddresses
  readonly timings: CheckTimings
  readonly log: Log
  /** Whether the submit of the task is under way. */
  readonly isSubmitting: (taskId: string) => boolean
}

/**
 * Checks a task at its provider and records what it learns. Resolves to the time of the next check, in milliseconds since 1970,
 * or null for never.
 * @param onSlot called once the check has its slot within the provider's rate, or needs none
 */
export type Check = (task: Task, onSlot?: () => void) => Promise<number | null>

interface CandidateIds {
  /** The ids to read record-info by, in this order. */
  readonly candidates: readonly string[]
  /** The ids in callbacks that can be trusted. */
  readonly trusted: ReadonlySet<string>
}

/** The task after record-info was read, and what the read has learned. */
interface CheckedTask extends CheckResult {
  readonly task: Task
  /** Ids in callbacks that turned out to belong to other tasks. */
  readonly refuted: ReadonlySet<string>
}

/** The most ids that one check reads for an unbound task. Its callbacks may name any number of ids. */
const maxCandidates = 3
/** How long a disabled provider is assumed to keep files. */
const assumedRetentionMs = 14 * 24 * 60 * 60_000

export function createCheck(options: CheckOptions): Check {
  const { inbox, reader, clock, random, record, providers, addresses, timings, log, isSubmitting } = options

  return async function check(task, onSlot = () => {}) {
    const callbacks = await inbox.savedCallbacks(task.id)
    const ids = await candidateIds(task, callbacks)
    const trusted = callbacks
      .filter((callback): callback is TrustedCallback => callback.report !== null)
      .filter(({ report }) => ids.trusted.has(report.providerTaskId))

    const reading = read(task, ids, onSlot)
    const inTime = trusted.length === 0 ? await reading : await withTimeout(timings.callbackGraceMs, reading)
    if (inTime === null) {
      // A provider that hangs must not delay its callbacks.
      reading.catch(() => {})
      const settled = await recordCallbacks(task, trusted, clock.nowMs())
      if (isSettled(settled)) return nextAt(settled, callbacks, [])
    }

    const checked = inTime ?? (await reading)
    const { providerTaskId: boundId } = checked.task
    const own = trusted.filter(({ report: { providerTaskId } }) =>
      boundId === null ? !checked.refuted.has(providerTaskId) : boundId === providerTaskId,
    )
    // One time for both: at the end of the wait, callbacks count before the gateway concludes anything.
    const nowMs = clock.nowMs()
    const concluded = await conclude(await recordCallbacks(checked.task, own, nowMs), checked, nowMs)
    return nextAt(concluded, callbacks, own)
  }

  function nextAt(task: Task, callbacks: readonly SavedCallback[], waiting: readonly TrustedCallback[]): number | null {
    const nowMs = clock.nowMs()
    return nextCheckAt(
      task,
      {
        nowMs,
        lastCallbackMs: callbacks.at(-1)?.receivedAtMs ?? null,
        nextGraceEndsMs: nextGraceEndsMs(task, waiting, nowMs, timings),
        retentionMs: retentionMsOf(task),
        jitter: random(),
      },
      timings,
    )
  }

  /**
   * The ids to read record-info by: the task's own, or those in its callbacks that no other task is bound to. Of many ids each
   * check reads a sample; ids in callbacks with a readable report come first.
   */
  async function candidateIds(task: Task, callbacks: readonly SavedCallback[]): Promise<CandidateIds> {
    const all = new Set(callbacks.flatMap(({ providerTaskId }) => providerTaskId ?? []))
    const ownId = recordInfoIdOf(task)
    if (ownId !== null) return { candidates: [ownId], trusted: all }
    const readable = new Set(callbacks.flatMap(({ report }) => report?.providerTaskId ?? []))
    const others = [...all].filter((id) => !readable.has(id))
    const ids = [...sample([...readable]), ...sample(others)].slice(0, maxCandidates)
    const bound = await reader.findBound(ids.map((providerTaskId) => ({ provider: task.provider, providerTaskId })))
    const boundElsewhere = new Set(bound.filter(({ id }) => id !== task.id).map(({ providerTaskId }) => providerTaskId))
    return {
      candidates: ids.filter((id) => !boundElsewhere.has(id)),
      // A callback that carries the task's own token counts under any id. An id of another task binds nothing.
      trusted: new Set(ids.filter((id) => readable.has(id))),
    }
  }

  /** Up to `maxCandidates` consecutive items, from a random start. */
  function sample<T>(items: readonly T[]): readonly T[] {
    if (items.length <= maxCandidates) return items
    const from = Math.floor(random() * items.length)
    return [...items.slice(from), ...items.slice(0, from)].slice(0, maxCandidates)
  }

  /** Reads record-info and records its report. A failed read learns nothing, and delays nothing else. */
  async function read(task: Task, { candidates, trusted }: CandidateIds, onSlot: () => void): Promise<CheckedTask> {
    const provider = providers.get(task.provider)
    const refuted = new Set<string>()
    let hasAnswered = false
    if (provider === undefined || candidates.length === 0) onSlot()
    for (const candidate of provider === undefined ? [] : candidates) {
      const answer = await readRecordInfo(() => provider?.check(candidate, onSlot, task.trace), task)
      const cause = answer.kind === 'inconclusive' ? answer.cause : undefined
      log.debug({ event: 'check.answered', ...taskIds(task), answer: answer.kind, cause }, 'a check was answered')
      if (answer.kind !== 'inconclusive' || answer.isAboutTask === true) hasAnswered = true
      if (answer.kind !== 'found') continue
      const isOwnId = candidate === recordInfoIdOf(task)
      switch (isOwnId ? 'this' : matchTask(answer, task, trusted.has(candidate))) {
        case 'this': {
          const { outcome } = answer.report
          const isEmpty = outcome.state === 'succeeded' && outcome.stems.length === 0
          return { task: await recordReport(task, answer.report), refuted, wasAsked: true, hasAnswered, isEmpty }
        }
        case 'another':
          refuted.add(candidate)
          break
        case 'unknown':
      }
    }
    return { task, refuted, wasAsked: candidates.length > 0, hasAnswered, isEmpty: false }
  }

  /**
   * Whether an id from a callback belongs to this task. A callback URL of ours in record-info proves it. A URL whose token does not
   * verify proves nothing, so a trusted callback stands, unless the URL names another task.
   */
  function matchTask(
    { callbackUrl }: Extract<CheckAnswer, { kind: 'found' }>,
    task: Task,
    isTrusted: boolean,
  ): 'this' | 'another' | 'unknown' {
    if (callbackUrl !== null) {
      if (addresses.taskOf(callbackUrl) === task.id) return 'this'
      const named = addresses.namedIn(callbackUrl)
      if (named !== null && named !== task.id) return 'another'
    }
    return isTrusted ? 'this' : 'unknown'
  }

  async function readRecordInfo(ask: () => Promise<CheckAnswer> | undefined, task: Task): Promise<CheckAnswer> {
    try {
      return (await ask()) ?? { kind: 'inconclusive', cause: 'the provider is disabled' }
    } catch (error) {
      log.error({ err: error, ...taskIds(task) }, 'record-info could not be read')
      return { kind: 'inconclusive', cause: 'an internal error' }
    }
  }

  async function recordReport(task: Task, report: ProviderReport): Promise<Task> {
    try {
      return (await record(task.id, report)) ?? task
    } catch (error) {
      if (error instanceof StoreUnavailableError) throw error
      log.error({ err: error, ...taskIds(task) }, 'a report of record-info could not be stored')
      return task
    }
  }

  /** Records the callbacks whose grace period is over, as one change. */
  async function recordCallbacks(task: Task, callbacks: readonly TrustedCallback[], nowMs: number): Promise<Task> {
    const reports = dueCallbackReports(task, callbacks, nowMs, timings)
    return reports.length === 0 ? task : ((await record(task.id, reports)) ?? task)
  }

  function retentionMsOf({ provider }: Task): number {
    return providers.get(provider)?.retentionMs ?? assumedRetentionMs
  }

  /** Ends a wait that has timed out, judged by the task as it is stored at that moment. */
  async function conclude(task: Task, result: CheckResult, nowMs: number): Promise<Task> {
    const conclusion = (current: Task) =>
      isSubmitting(current.id)
        ? null
        : conclusionOf(current, result, nowMs, { ...timings, retentionMs: retentionMsOf(current) })
    if (conclusion(task) === null) return task
    const concluded = await record(task.id, (current) => {
      const report = conclusion(current)
      return report === null ? [] : [{ report, atMs: nowMs }]
    })
    return concluded ?? task
  }
}
