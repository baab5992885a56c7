import { nextGraceEndsMs, dueCallbackReports, type TrustedCallback } from './callback-grace.ts'
import { nextCheckAt, type CheckTimings } from './check-schedule.ts'
import { conclusionOf, type CheckResult } from './conclusion.ts'
import { StoreUnavailableError } from '../errors.ts'
import type { RecordReports } from '../advance/record.ts'
import type { ProviderReport } from '../advance/report.ts'
import { isSettled, recordInfoIdOf, type ProviderName, type Task } from '../task.ts'
import { withTimeout } from '../../runtime/with-timeout.ts'
import type { CallbackAddresses } from '../callback/callback-address.ts'
import type { SavedCallback, Store } from '../store.ts'
import type { CheckAnswer, Provider } from '../provider.ts'
import type { Log } from '../../runtime/log.ts'

export interface CheckOptions {
  readonly store: Store
  readonly record: RecordReports
  readonly providers: ReadonlyMap<ProviderName, Provider>
  readonly addresses: CallbackAddresses
  readonly times: CheckTimings
  readonly log: Log
  /** Whether the answer to the task's submit is still being waited for. */
  readonly isSubmitting: (taskId: string) => boolean
}

/**
 * Asks for a task and records what is learnt; tells when to ask next, in milliseconds since 1970, or null for never.
 * @param onSlot called when the task waits no longer for its turn within the provider's rate, or needs none
 */
export type Check = (task: Task, onSlot?: () => void) => Promise<number | null>

interface NamedIds {
  /** What record-info is read by, in turn. */
  readonly candidates: readonly string[]
  /** Those that stand in callbacks which can be trusted. */
  readonly trusted: ReadonlySet<string>
}

/** The task after record-info was read, and what the read taught. */
interface CheckedTask extends CheckResult {
  readonly task: Task
  /** Ids that callbacks named and that are another task's. */
  readonly refuted: ReadonlySet<string>
}

/** How many ids one check asks for, of a task that has none of its own: its callbacks may have named any number. */
const maxCandidates = 3
/** How long a provider that is off is taken to keep files. */
const assumedRetentionMs = 14 * 24 * 60 * 60_000

export function createCheck(options: CheckOptions): Check {
  const { store, record, providers, addresses, times, log, isSubmitting } = options

  return async function check(task, onSlot = () => {}) {
    const savedCallbacks = await store.savedCallbacks(task.id)
    const named = await namedIds(task, savedCallbacks)
    const readable = savedCallbacks
      .filter((note): note is TrustedCallback => note.report !== null)
      .filter(({ report }) => named.trusted.has(report.providerTaskId))

    const reading = read(task, named, onSlot)
    const inTime = readable.length === 0 ? await reading : await withTimeout(times.callbackGraceMs, reading)
    if (inTime === null) {
      // A provider that hangs does not hold up what its callbacks have said already, neither here nor in those that wait.
      reading.catch(() => {})
      const settled = await recordCallbacks(task, readable, store.nowMs())
      if (isSettled(settled)) return nextAt(settled, savedCallbacks, [])
    }

    const known = inTime ?? (await reading)
    const own = readable.filter(({ report: { providerTaskId } }) =>
      known.task.providerTaskId === null
        ? !known.refuted.has(providerTaskId)
        : known.task.providerTaskId === providerTaskId,
    )
    // One time for both: a callback counts before anything is concluded at the end of the wait.
    const nowMs = store.nowMs()
    const concluded = await conclude(await recordCallbacks(known.task, own, nowMs), known, nowMs)
    return nextAt(concluded, savedCallbacks, own)
  }

  function nextAt(
    task: Task,
    savedCallbacks: readonly SavedCallback[],
    waiting: readonly TrustedCallback[],
  ): number | null {
    const nowMs = store.nowMs()
    return nextCheckAt(
      task,
      {
        nowMs,
        lastCallbackMs: savedCallbacks.at(-1)?.receivedAtMs ?? null,
        nextGraceEndsMs: nextGraceEndsMs(task, waiting, nowMs, times),
        retentionMs: retentionMsOf(task),
        jitter: Math.random(),
      },
      times,
    )
  }

  /**
   * By which ids record-info is read: the task's own, or else those that its callbacks name and no other task is bound to.
   * Of many, some: the turn of the others comes at another check.
   */
  async function namedIds(task: Task, savedCallbacks: readonly SavedCallback[]): Promise<NamedIds> {
    const all = new Set(savedCallbacks.flatMap(({ providerTaskId }) => providerTaskId ?? []))
    const ownId = recordInfoIdOf(task)
    if (ownId !== null) return { candidates: [ownId], trusted: all }
    const readable = new Set(savedCallbacks.flatMap(({ report }) => report?.providerTaskId ?? []))
    // However many ids are only named, those that stand in readable callbacks are asked for.
    const unspoken = [...all].filter((id) => !readable.has(id))
    const some = [...sample([...readable], maxCandidates), ...sample(unspoken, maxCandidates)].slice(0, maxCandidates)
    const bound = await store.findBound(some.map((providerTaskId) => ({ provider: task.provider, providerTaskId })))
    const boundElsewhere = new Set(bound.filter(({ id }) => id !== task.id).map(({ providerTaskId }) => providerTaskId))
    return {
      candidates: some.filter((id) => !boundElsewhere.has(id)),
      // A callback with the task's own token is heard under whatever id: one that is another's binds nothing.
      trusted: new Set(some.filter((id) => readable.has(id))),
    }
  }

  /** Reads record-info and records what it says. A read that goes wrong teaches nothing, and holds nothing else up. */
  async function read(task: Task, { candidates, trusted }: NamedIds, onSlot: () => void): Promise<CheckedTask> {
    const provider = providers.get(task.provider)
    const refuted = new Set<string>()
    let hasAnswered = false
    if (provider === undefined || candidates.length === 0) onSlot()
    for (const candidate of provider === undefined ? [] : candidates) {
      const answer = await readRecordInfo(() => provider?.check(candidate, onSlot), task)
      if (answer.kind !== 'inconclusive' || answer.isAboutTask === true) hasAnswered = true
      if (answer.kind !== 'found') continue
      const isOwn = candidate === recordInfoIdOf(task)
      switch (isOwn ? 'ours' : matchTask(answer, task, trusted.has(candidate))) {
        case 'ours': {
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
   * Whose task an id is that a callback named. An echo of our callback address proves it. An echo in a spelling that proves
   * nothing takes nothing from a callback that can be trusted; only one that names another task of ours does.
   */
  function matchTask(
    { callbackUrl }: Extract<CheckAnswer, { kind: 'found' }>,
    task: Task,
    isTrusted: boolean,
  ): 'ours' | 'another' | 'unknown' {
    if (callbackUrl !== null) {
      if (addresses.taskOf(callbackUrl) === task.id) return 'ours'
      const named = addresses.namedIn(callbackUrl)
      if (named !== null && named !== task.id) return 'another'
    }
    return isTrusted ? 'ours' : 'unknown'
  }

  async function readRecordInfo(ask: () => Promise<CheckAnswer> | undefined, task: Task): Promise<CheckAnswer> {
    try {
      return (await ask()) ?? { kind: 'inconclusive', cause: 'the provider is off' }
    } catch (error) {
      log.error({ err: error, taskId: task.id, provider: task.provider }, 'record-info could not be read')
      return { kind: 'inconclusive', cause: 'an error of the gateway' }
    }
  }

  async function recordReport(task: Task, report: ProviderReport): Promise<Task> {
    try {
      return (await record(task.id, report)) ?? task
    } catch (error) {
      if (error instanceof StoreUnavailableError) throw error
      log.error({ err: error, taskId: task.id, provider: task.provider }, 'what record-info says could not be stored')
      return task
    }
  }

  /** Lets those callbacks count whose time has come, in one change. */
  async function recordCallbacks(task: Task, callbacks: readonly TrustedCallback[], nowMs: number): Promise<Task> {
    const reports = dueCallbackReports(task, callbacks, nowMs, times)
    return reports.length === 0 ? task : ((await record(task.id, reports)) ?? task)
  }

  function retentionMsOf({ provider }: Task): number {
    return providers.get(provider)?.retentionMs ?? assumedRetentionMs
  }

  /** Ends a wait that has lasted its time. What is concluded is concluded from the task as it then stands in the store. */
  async function conclude(task: Task, reading: CheckResult, nowMs: number): Promise<Task> {
    const conclusion = (current: Task) =>
      isSubmitting(current.id)
        ? null
        : conclusionOf(current, reading, nowMs, { ...times, retentionMs: retentionMsOf(current) })
    if (conclusion(task) === null) return task
    const concluded = await record(task.id, (current) => {
      const report = conclusion(current)
      return report === null ? [] : [{ report, atMs: nowMs }]
    })
    return concluded ?? task
  }
}

/** All of a few; of more so many as stand behind each other from anywhere on. */
function sample<T>(items: readonly T[], count: number): readonly T[] {
  if (items.length <= count) return items
  const from = Math.floor(Math.random() * items.length)
  return [...items.slice(from), ...items.slice(0, from)].slice(0, count)
}
