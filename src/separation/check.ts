import type { CheckTimes } from './check-times.ts'
import { nextCheckAt } from './check-times.ts'
import type { CallbackAddresses, CallbackNote, CheckAnswer, Provider, Store } from './ports.ts'
import type { Record } from './record.ts'
import type { Report, Told } from './report.ts'
import { isSettled, type ProviderName, type Task } from './task.ts'
import { within } from './within.ts'

export interface CheckOptions {
  readonly store: Store
  readonly record: Record
  readonly providers: ReadonlyMap<ProviderName, Provider>
  readonly addresses: CallbackAddresses
  readonly times: CheckTimes
  /** Whether the answer to the task's submit is still being waited for. */
  readonly isSubmitting: (taskId: string) => boolean
}

/** Asks for a task and records what is learnt; tells when to ask next, in milliseconds since 1970, or null for never. */
export type Check = (task: Task) => Promise<number | null>

interface SpokenNote extends CallbackNote {
  readonly told: Told
}

export function createCheck({ store, record, providers, addresses, times, isSubmitting }: CheckOptions): Check {
  return async function check(task) {
    const notes = (await store.notes(task.id)).filter((note): note is SpokenNote => note.told !== null)
    const asking = ask(task, notes)
    if (notes.length > 0) {
      // A provider that hangs does not hold up what its callback has said already.
      const isAnswered = await within(times.callbackGraceMs, asking)
      if (isAnswered === null) await hearCallbacks(task, notes, Date.now()).catch(() => asking)
    }
    const { task: asked, refuted } = await asking

    const isOfThisTask = ({ told: { providerTaskId } }: SpokenNote) =>
      asked.providerTaskId === null ? !refuted.has(providerTaskId) : asked.providerTaskId === providerTaskId
    const words = notes.filter(isOfThisTask)
    const nowMs = Date.now()
    const current = await conclude(await hearCallbacks(asked, words, nowMs))
    const hasWords = !isSettled(current) && words.some((note) => !isGraceOver(note, nowMs))
    return nextCheckAt(current, { nowMs: Date.now(), hasWords, chance: Math.random() }, times)
  }

  /** Asks record-info by the task's own id or, while it has none, by the ids that its callbacks named. */
  async function ask(task: Task, notes: readonly SpokenNote[]): Promise<{ task: Task; refuted: Set<string> }> {
    const provider = providers.get(task.provider)
    const refuted = new Set<string>()
    if (provider === undefined) return { task, refuted }

    if (task.providerTaskId !== null) {
      const answer = await provider.check(task.providerTaskId)
      return { task: answer.kind === 'seen' ? await recorded(task, answer.told) : task, refuted }
    }
    for (const candidate of new Set(notes.map((note) => note.told.providerTaskId))) {
      if (await bearsAnother(task, candidate)) {
        refuted.add(candidate)
        continue
      }
      const answer = await provider.check(candidate)
      if (answer.kind !== 'seen') continue
      if (echoesOurs(answer, task)) return { task: await recorded(task, answer.told), refuted }
      refuted.add(candidate)
    }
    return { task, refuted }
  }

  /** Takes the callbacks' own words, once record-info has settled the task or has had its time to. */
  async function hearCallbacks(task: Task, notes: readonly SpokenNote[], nowMs: number): Promise<Task> {
    let current = task
    for (const note of notes) {
      if (isSettled(current) || isGraceOver(note, nowMs)) {
        current = (await record(task.id, note.told, note.receivedAtMs)) ?? current
      }
    }
    return current
  }

  function isGraceOver(note: SpokenNote, nowMs: number): boolean {
    return nowMs - note.receivedAtMs >= times.callbackGraceMs
  }

  /** Ends a wait that has lasted its time. What is concluded is concluded from the task as it then stands in the store. */
  async function conclude(task: Task): Promise<Task> {
    const nowMs = Date.now()
    if (conclusionOf(task, nowMs) === null) return task
    return (await record(task.id, (current) => conclusionOf(current, nowMs), nowMs)) ?? task
  }

  function conclusionOf(task: Task, nowMs: number): Report | null {
    if (task.state !== 'pending' || isSubmitting(task.id)) return null
    const ageMs = nowMs - task.createdAtMs
    const isUnheardOf = task.providerTaskId === null && task.charge === 'MAYBE'
    if (isUnheardOf) return ageMs >= times.unconfirmedAfterMs ? { kind: 'unconfirmed' } : null
    const isGivenUp = ageMs >= times.giveUpAfterMs
    if (task.emptySinceMs !== null && (isGivenUp || nowMs - task.emptySinceMs >= times.emptyGraceMs)) {
      return { kind: 'empty-result' }
    }
    return isGivenUp ? { kind: 'no-result' } : null
  }

  async function recorded(task: Task, told: Told): Promise<Task> {
    return (await record(task.id, told)) ?? task
  }

  async function bearsAnother(task: Task, providerTaskId: string): Promise<boolean> {
    const bearers = await store.findBound([{ provider: task.provider, providerTaskId }])
    return bearers.some((bearer) => bearer.id !== task.id)
  }

  /** A provider that echoes a callback URL says thereby whose task it is. */
  function echoesOurs(answer: Extract<CheckAnswer, { kind: 'seen' }>, task: Task): boolean {
    return answer.callbackUrl === null || addresses.taskOf(answer.callbackUrl) === task.id
  }
}
