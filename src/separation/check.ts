import { nextCheckAt, type CheckTimes } from './check-times.ts'
import type { CallbackAddresses, CallbackNote, Provider, Store } from './ports.ts'
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

interface NamedIds {
  readonly all: readonly string[]
  /** Those that stand in words which can be trusted. */
  readonly trusted: ReadonlySet<string>
}

/** How many ids one check asks for, of a task that has none of its own: its callbacks may have named any number. */
const mostCandidates = 3

export function createCheck({ store, record, providers, addresses, times, isSubmitting }: CheckOptions): Check {
  return async function check(task) {
    const notes = await store.notes(task.id)
    const named = await namedIds(task, notes)
    const spoken = notes
      .filter((note): note is SpokenNote => note.told !== null)
      .filter(({ told }) => named.trusted.has(told.providerTaskId))

    const asking = ask(task, named)
    const asked = spoken.length === 0 ? await asking : await within(times.callbackGraceMs, asking)
    if (asked === null) {
      // A provider that hangs does not hold up what its callbacks have said already, neither here nor in those that wait.
      asking.catch(() => {})
      const heard = await hearCallbacks(task, spoken, store.nowMs())
      if (isSettled(heard)) return nextAt(heard, notes, false)
    }

    const { task: current, refuted } = asked ?? (await asking)
    const isOfThisTask = ({ told: { providerTaskId } }: SpokenNote) =>
      current.providerTaskId === null ? !refuted.has(providerTaskId) : current.providerTaskId === providerTaskId
    const words = spoken.filter(isOfThisTask)
    const nowMs = store.nowMs()
    const concluded = await conclude(await hearCallbacks(current, words, nowMs))
    const hasWords = !isSettled(concluded) && words.some((note) => !isGraceOver(note, nowMs))
    return nextAt(concluded, notes, hasWords)
  }

  function nextAt(task: Task, notes: readonly CallbackNote[], hasWords: boolean): number | null {
    const lastHeardMs = notes.at(-1)?.receivedAtMs ?? null
    return nextCheckAt(task, { nowMs: store.nowMs(), lastHeardMs, hasWords, chance: Math.random() }, times)
  }

  /**
   * The provider's ids that the callbacks of a task name, without those that are another task's already. Of many, some:
   * the turn of the others comes at another check.
   */
  async function namedIds(task: Task, notes: readonly CallbackNote[]): Promise<NamedIds> {
    const all = new Set(notes.flatMap(({ providerTaskId }) => providerTaskId ?? []))
    if (all.size === 0 || task.providerTaskId !== null) return { all: [...all], trusted: all }
    const spoken = new Set(notes.flatMap(({ told }) => told?.providerTaskId ?? []))
    // However many ids are only named, those that stand in words are asked for.
    const unspoken = [...all].filter((id) => !spoken.has(id))
    const some = new Set(
      [...someOf([...spoken], mostCandidates), ...someOf(unspoken, mostCandidates)].slice(0, mostCandidates),
    )
    const bearers = await store.findBound(
      [...some].map((providerTaskId) => ({ provider: task.provider, providerTaskId })),
    )
    for (const { id, providerTaskId } of bearers)
      if (id !== task.id && providerTaskId !== null) some.delete(providerTaskId)
    return { all: [...some], trusted: new Set([...some].filter((id) => spoken.has(id))) }
  }

  /** Asks record-info by the task's own id or, while it has none, by the ids that its callbacks named. */
  async function ask(task: Task, named: NamedIds): Promise<{ task: Task; refuted: Set<string> }> {
    const provider = providers.get(task.provider)
    const refuted = new Set<string>()
    if (provider === undefined) return { task, refuted }

    if (task.providerTaskId !== null) {
      const answer = await provider.check(task.providerTaskId)
      return { task: answer.kind === 'seen' ? await recorded(task, answer.told) : task, refuted }
    }
    for (const candidate of named.all) {
      const answer = await provider.check(candidate)
      if (answer.kind !== 'seen') continue
      // A provider that echoes a callback URL says thereby whose task it is. Where it echoes none, a trusted word suffices.
      const isOurs =
        answer.callbackUrl === null ? named.trusted.has(candidate) : addresses.taskOf(answer.callbackUrl) === task.id
      if (isOurs) return { task: await recorded(task, answer.told), refuted }
      if (answer.callbackUrl !== null) refuted.add(candidate)
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
    const nowMs = store.nowMs()
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
}

/** All of a few; of more so many as stand behind each other from anywhere on. */
function someOf<T>(items: readonly T[], count: number): readonly T[] {
  if (items.length <= count) return items
  const from = Math.floor(Math.random() * items.length)
  return [...items.slice(from), ...items.slice(0, from)].slice(0, count)
}
