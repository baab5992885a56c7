import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { advance, isVisibleChange } from '../../src/separation/advance/advance.ts'
import type { Outcome, Report, ReportedStem, ProviderReport } from '../../src/separation/task/report.ts'
import { completedAtMs } from '../../src/separation/task/task-times.ts'
import { failureCodes } from '../../src/separation/task/failure.ts'
import { isSettled, isQueued, type PendingTask, type Task } from '../../src/separation/task/task.ts'
import { isComplete, stemName } from '../../src/separation/task/stem.ts'
import { phaseOf, statusOf } from '../../src/separation/task/task-status.ts'
import type { Source } from '../../src/separation/task/reported.ts'
import type { TaskEventKind } from '../../src/separation/task/task-event.ts'
import { succeededTask } from '../support/tasks.ts'

const createdAtMs = 1_700_000_000_000
const providerTaskId = 'provider-task'

/** A report and its time. */
interface Event {
  readonly report: Report
  readonly atMs: number
}

const ordered: PendingTask = {
  id: 'sep_01jzzzzzzzfzzzzzzzzzzzzzzz',
  owner: 'anonymous',
  provider: 'kie',
  providerTaskId: null,
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
  musicTaskId: 'music-task',
  audioId: 'audio',
  musicId: null,
  originUrl: null,
  charge: 'MAYBE',
  revision: 1,
  createdAtMs,
  isCreatedAtKnown: true,
  state: 'pending',
  partial: null,
  incompleteSinceMs: null,
}
const bound: PendingTask = { ...ordered, providerTaskId, charge: 'CHARGED' }
const split: PendingTask = { ...bound, type: 'split_stem' }
const queued: PendingTask = { ...ordered, charge: 'NONE' }
const adopted: PendingTask = { ...bound, musicTaskId: null, audioId: null, type: null }

// Few values of each kind, so that reports often contradict one another and name the same stems.
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null, freq: 2 })
const time = fc.constantFrom(...[-1_000, 0, 1_000, 2_000, 3_000].map((ms) => createdAtMs + ms))
const url = fc.constantFrom('https://a.example/1', 'https://a.example/2', 'https://a.example/3')
const stem: fc.Arbitrary<ReportedStem> = fc.oneof(
  fc.record({
    part: fc.constantFrom('vocal', 'instrumental', 'drums', 'piano'),
    label: maybe(fc.constantFrom('Vocals', 'Voice')),
    url,
    durationSeconds: maybe(fc.constantFrom(187.24, 187.3)),
    originId: maybe(fc.constantFrom('origin-1', 'origin-2')),
  }),
  fc.record({
    part: fc.constant('other'),
    label: maybe(fc.constantFrom('Other tracks', 'other tracks', 'OTHER-TRACKS', 'Crowd')),
    url,
    durationSeconds: maybe(fc.constantFrom(187.24, 187.3)),
    originId: maybe(fc.constantFrom('origin-1', 'origin-2')),
  }),
)
const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.constant({ state: 'pending' } as const),
  fc.record({
    state: fc.constant('succeeded'),
    stems: fc.array(stem, { maxLength: 4 }),
    completedAtMs: maybe(time),
  }),
  fc.record({
    state: fc.constant('failed'),
    code: fc.constantFrom('CALLBACK_FAILED', 'CREATION_FAILED', 'GENERATION_FAILED'),
    providerCode: maybe(fc.constantFrom(400, 500)),
    message: fc.constantFrom('no', 'not now'),
    completedAtMs: maybe(time),
  }),
)
const providerReport: fc.Arbitrary<ProviderReport> = fc.record({
  kind: fc.constant('reported'),
  by: fc.constantFrom('callback', 'record-info'),
  providerTaskId: fc.constant(providerTaskId),
  outcome,
  // A task has one type, which some reports do not contain.
  type: maybe(fc.constant('split_stem')),
  audioId: maybe(fc.constantFrom('audio', 'sound')),
  musicId: maybe(fc.constantFrom('music-1', 'music-2')),
  originUrl: maybe(url),
})
const archived = fc.record({
  kind: fc.constant('archived'),
  copy: fc.record({
    stem: fc.constantFrom('vocal', 'instrumental'),
    sha256: fc.constantFrom('0a', '0b'),
    sizeBytes: fc.constantFrom(1_000, 2_000),
  }),
})
const resolved = fc.record({ kind: fc.constant('resolved'), charge: fc.constantFrom('CHARGED', 'NONE') })
const gatewaysOwn: fc.Arbitrary<Report> = fc.oneof(
  fc.record({ kind: fc.constant('sent'), expectedAtMs: maybe(time), attempt: fc.constantFrom('a', 'b') }),
  fc.constant({ kind: 'unanswered' } as const),
  fc.constant({ kind: 'accepted', providerTaskId } as const),
  fc.constant({ kind: 'unconfirmed' } as const),
  fc.constant({ kind: 'no-result' } as const),
  fc.constant({ kind: 'incomplete-result' } as const),
  resolved,
  fc.record({
    kind: fc.constant('refused'),
    refusal: fc.record({
      reason: fc.constant('refused'),
      providerCode: maybe(fc.constantFrom(402, 451)),
      message: fc.constantFrom('too poor', 'too late'),
      retryable: fc.constant(false),
      retryAfterSeconds: fc.constant(null),
    }),
  }),
)
const report = fc.oneof({ arbitrary: providerReport, weight: 3 }, { arbitrary: gatewaysOwn, weight: 1 })
/** Reports that leave a task pending, and failures only: almost every other history ends with audio. */
const quiet = providerReport.filter(
  ({ outcome: each }) => each.state === 'pending' || (each.state === 'succeeded' && each.stems.length === 0),
)
const failures = providerReport.filter(({ outcome: each }) => each.state === 'failed')
/** What becomes of an order that the provider never tells anything about. */
const unreported = gatewaysOwn.filter(({ kind }) =>
  ['sent', 'unanswered', 'unconfirmed', 'refused', 'resolved'].includes(kind),
)
const historyOf = (reports: fc.Arbitrary<Report>) =>
  fc.array(fc.record({ report: reports, atMs: time }), { maxLength: 7 })
const events: fc.Arbitrary<Event[]> = fc.oneof(
  { arbitrary: historyOf(report), weight: 3 },
  { arbitrary: historyOf(quiet), weight: 2 },
  { arbitrary: historyOf(failures), weight: 2 },
  { arbitrary: historyOf(unreported), weight: 1 },
  {
    arbitrary: historyOf(fc.oneof(report, archived, archived, fc.constant({ kind: 'archive-deleted' } as const))),
    weight: 2,
  },
)
const start = fc.constantFrom<Task>(ordered, queued, bound, split, adopted)

/** Events, and the same events reordered and partly repeated. */
const shuffled = events.chain((all) =>
  fc.tuple(
    fc.constant(all),
    fc
      .tuple(
        fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length }),
        fc.shuffledSubarray(all, { minLength: 0 }),
        fc.nat({ max: all.length }),
      )
      .map(([order, again, at]) => [...order.slice(0, at), ...again, ...order.slice(at), ...again]),
  ),
)

/** Every state of the task, the initial one first. */
function lifeOf(task: Task, happened: readonly Event[]): Task[] {
  const states = [task]
  for (const { report: next, atMs } of happened) states.push(advance(states.at(-1) ?? task, next, atMs))
  return states
}

function endOf(task: Task, happened: readonly Event[]): Task {
  return lifeOf(task, happened).at(-1) ?? task
}

const withoutRevision = (task: Task) => ({ ...task, revision: 0 })
/** The task without its revision and times: the grace period of an incomplete success runs from one report to the next. */
const withoutClocks = (task: Task) => ({ ...withoutRevision(task), incompleteSinceMs: null })
const tellings = (happened: readonly Event[]) =>
  happened.flatMap(({ report: each, atMs }) => (each.kind === 'reported' ? [{ ...each, atMs }] : []))
const namedStems = (happened: readonly Event[]) =>
  tellings(happened).flatMap(({ outcome: each, by, atMs }) =>
    each.state === 'succeeded' ? each.stems.map((one) => ({ ...one, by, atMs })) : [],
  )

/** The times at which the reports of a success say that it was reached. */
const completions = (happened: readonly Event[]) => [
  ...tellings(happened).flatMap(({ outcome: each, by, atMs }) =>
    each.state === 'succeeded' && each.stems.length > 0
      ? [
          {
            value: Math.max(createdAtMs, Math.min(each.completedAtMs ?? atMs, atMs)),
            by,
            isReported: each.completedAtMs !== null,
          },
        ]
      : [],
  ),
  ...happened.flatMap(({ report: each, atMs }) =>
    each.kind === 'incomplete-result'
      ? [{ value: Math.max(createdAtMs, atMs), by: 'record-info' as const, isReported: false }]
      : [],
  ),
]

/** Which of several times counts: a time from the provider before any other, then the one that `best` selects. */
function bestTime(times: ReturnType<typeof completions>) {
  const reported = times.filter(({ isReported }) => isReported)
  const isReported = reported.length > 0
  const shown = best(isReported ? reported : times)
  return shown === null ? null : { ...shown, isReported }
}

/** Which of several values counts: the smallest from record-info, else the smallest from a callback. */
function best<T extends string | number>(values: readonly { readonly value: T | null; readonly by: Source }[]) {
  for (const by of ['record-info', 'callback'] as const) {
    const [smallest] = values
      .flatMap(({ value, by: source }) => (value !== null && source === by ? [value] : []))
      .toSorted((a, b) => (a < b ? -1 : 1))
    if (smallest !== undefined) return { value: smallest, by }
  }
  return null
}

/** Of several URLs from one source, the one read last; of two at the same time, the smaller. */
function latestUrl(named: ReturnType<typeof namedStems>) {
  const [latest] = named.toSorted((a, b) => b.atMs - a.atMs || (a.url < b.url ? -1 : 1))
  return latest === undefined ? null : { value: latest.url, by: latest.by, atMs: latest.atMs }
}

const runs = { numRuns: 3_000 }

describe('merged reports', () => {
  test('end in the same task in any order and with any repetition', () => {
    fc.assert(
      fc.property(start, shuffled, (task, [once, otherwise]) => {
        expect(withoutClocks(endOf(task, otherwise))).toEqual(withoutClocks(endOf(task, once)))
      }),
      runs,
    )
  })

  test('increase the revision by one per change, and return the same task object without a change', () => {
    fc.assert(
      fc.property(start, events, (task, happened) => {
        const states = lifeOf(task, happened)
        for (const [index, after] of states.slice(1).entries()) {
          const before = states[index] ?? task
          const isSame = JSON.stringify(withoutRevision(before)) === JSON.stringify(withoutRevision(after))
          expect(after === before).toBe(isSame)
          expect(after.revision).toBe(before.revision + (isSame ? 0 : 1))
        }
      }),
      runs,
    )
  })

  test('never make a settled task pending, and a success stays a success', () => {
    fc.assert(
      fc.property(start, events, (task, happened) => {
        const progress = { pending: 0, failed: 1, succeeded: 2 }
        const states = lifeOf(task, happened).map(({ state }) => progress[state])
        expect(states).toEqual(states.toSorted((a, b) => a - b))
      }),
      runs,
    )
  })

  test('never remove a stem that was shown', () => {
    fc.assert(
      fc.property(start, events, (task, happened) => {
        let shown = new Set<string>()
        for (const state of lifeOf(task, happened)) {
          const names = new Set(state.state === 'succeeded' ? state.stems.map(stemName) : [])
          expect([...shown].filter((name) => !names.has(name))).toEqual([])
          shown = names
        }
      }),
      runs,
    )
  })

  test('let audio win over every failure, before or after it', () => {
    fc.assert(
      fc.property(start, events, (task, happened) => {
        const end = endOf(task, happened)
        const names = new Set(namedStems(happened).map(stemName))
        const isTakenAsItIs = happened.some(({ report: each }) => each.kind === 'incomplete-result')
        const shown = end.state === 'succeeded' ? end : end.state === 'pending' ? end.partial : null
        expect(end.state === 'failed').toBe(
          names.size === 0 &&
            !isTakenAsItIs &&
            happened.some(
              ({ report: each }) =>
                ['refused', 'unconfirmed', 'no-result'].includes(each.kind) ||
                (each.kind === 'resolved' && each.charge === 'NONE') ||
                (each.kind === 'reported' && each.outcome.state === 'failed'),
            ),
        )
        expect(new Set((shown?.stems ?? []).map(stemName))).toEqual(names)
        if (end.state === 'pending') expect(isComplete(end.type, end.partial?.stems ?? [])).toBe(false)
      }),
      runs,
    )
  })

  test('let a value of record-info win over a value of a callback', () => {
    fc.assert(
      fc.property(start, events, (task, happened) => {
        const end = endOf(task, happened)
        const said = tellings(happened)
        expect(end.musicId).toEqual(best(said.map(({ musicId, by }) => ({ value: musicId, by }))))
        expect(end.originUrl).toEqual(best(said.map(({ originUrl, by }) => ({ value: originUrl, by }))))
        const isSuccess = end.state === 'succeeded'
        expect(isSuccess ? end.completedAtMs : null).toEqual(isSuccess ? bestTime(completions(happened)) : null)
        for (const shown of isSuccess ? end.stems : []) {
          const named = namedStems(happened).filter((each) => stemName(each) === stemName(shown))
          const better = named.filter((each) => each.by === shown.url.by)
          expect(shown).toEqual({
            part: shown.part,
            url: latestUrl(better),
            label: best(better.map(({ label, by }) => ({ value: label, by })))?.value ?? null,
            durationSeconds: best(better.map((each) => ({ value: each.durationSeconds, by: each.by })))?.value ?? null,
            originId: best(better.map(({ originId, by }) => ({ value: originId, by })))?.value ?? null,
          })
        }
      }),
      runs,
    )
  })

  test('keep every time within the lifetime of the task', () => {
    fc.assert(
      fc.property(start, events, (task, happened) => {
        const end = completedAtMs(endOf(task, happened)) ?? createdAtMs
        const latest = Math.max(createdAtMs, ...happened.map(({ atMs }) => atMs))
        expect(end).toBeGreaterThanOrEqual(createdAtMs)
        expect(end).toBeLessThanOrEqual(latest)
      }),
      runs,
    )
  })

  test('show that an order was charged, except for a refusal and for what the operator says', () => {
    fc.assert(
      fc.property(events, (happened) => {
        const kinds = new Set<string>(happened.map(({ report: each }) => each.kind))
        const isHeardOf = ['accepted', 'reported', 'incomplete-result'].some((kind) => kinds.has(kind))
        const [resolution] = happened
          .flatMap(({ report: each, atMs }) => (each.kind === 'resolved' ? [{ charge: each.charge, atMs }] : []))
          .toSorted((a, b) => b.atMs - a.atMs || (a.charge === 'CHARGED' ? -1 : 1))
        const expected = isHeardOf ? 'CHARGED' : kinds.has('refused') ? 'NONE' : (resolution?.charge ?? 'MAYBE')
        const end = endOf(ordered, happened)
        expect(end.charge).toBe(expected)
        expect(end.resolution).toEqual(isHeardOf ? null : (resolution ?? null))
        // A queued task would be sent.
        expect(isQueued(end)).toBe(false)
      }),
      runs,
    )
  })

  test('take an order out of the queue, whatever they say of it', () => {
    fc.assert(
      fc.property(events, (happened) => {
        const saysNothing = ['unanswered', 'archived', 'archive-deleted']
        const isUntold = happened.every(({ report: { kind } }) => saysNothing.includes(kind))
        expect(isQueued(endOf(queued, happened))).toBe(isUntold)
      }),
      runs,
    )
  })

  test('keep the latest copy of each stem, until the copies are deleted for good', () => {
    fc.assert(
      fc.property(start, events, (task, happened) => {
        const { archive } = endOf(task, happened)
        const deletions = happened.filter(({ report: each }) => each.kind === 'archive-deleted')
        const copies = happened.flatMap(({ report: each, atMs }) =>
          each.kind === 'archived' ? [{ ...each.copy, atMs }] : [],
        )
        if (deletions.length > 0) {
          expect(archive).toEqual({ copies: [], deletedAtMs: Math.min(...deletions.map(({ atMs }) => atMs)) })
          return
        }
        const latest = ['instrumental', 'vocal'].flatMap(
          (name) =>
            copies
              .filter(({ stem: of }) => of === name)
              .toSorted(
                (a, b) => b.atMs - a.atMs || a.sha256.localeCompare(b.sha256) || a.sizeBytes - b.sizeBytes,
              )[0] ?? [],
        )
        expect(archive).toEqual(copies.length === 0 ? null : { copies: latest, deletedAtMs: null })
      }),
      runs,
    )
  })

  test('never change what was ordered, and a bound task ignores reports of any other id', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<Task>(ordered, bound),
        events,
        providerReport,
        time,
        (task, happened, other, atMs) => {
          const end = endOf(task, happened)
          expect(end).toMatchObject({
            id: task.id,
            type: 'separate_vocal',
            musicTaskId: 'music-task',
            audioId: 'audio',
          })
          const heard = advance(end, { ...other, providerTaskId: 'another' }, atMs)
          expect(end.providerTaskId === null ? end : heard).toBe(end)
        },
      ),
      runs,
    )
  })

  test('bind an order by its answer or by record-info, never by the payload of a callback alone', () => {
    fc.assert(
      fc.property(events, (happened) => {
        const isBinding = ({ report: each }: Event) =>
          each.kind === 'accepted' || (each.kind === 'reported' && each.by === 'record-info')
        expect(endOf(ordered, happened).providerTaskId).toBe(happened.some(isBinding) ? providerTaskId : null)
      }),
      runs,
    )
  })
})

test('the generated histories reach every state and every kind of contradiction', () => {
  const seen = new Map<string, number>()
  const count = (name: string) => seen.set(name, (seen.get(name) ?? 0) + 1)
  for (const [task, happened] of fc.sample(fc.tuple(start, events), { numRuns: 5_000, seed: 1 })) {
    const states = lifeOf(task, happened)
    const end = states.at(-1) ?? task
    count(end.state === 'failed' ? end.failure.code : end.state)
    if (end.state === 'pending' && end.incompleteSinceMs !== null) count('pending with an incomplete success')
    if (end.state === 'pending' && end.partial !== null) count('pending with some stems')
    if (end.state === 'succeeded' && states.some(({ state }) => state === 'failed')) count('audio after a failure')
    const named = namedStems(happened)
    const isOfBoth = (one: (typeof named)[number]) =>
      named.some((other) => stemName(other) === stemName(one) && other.by !== one.by && other.url !== one.url)
    if (named.some(isOfBoth)) count('both sources name a stem otherwise')
    if (states.filter(({ state }) => state === 'succeeded').length > 1) count('more after a success')
    if (states.filter(isSettled).some((state, _index, all) => state.revision > (all[0]?.revision ?? 0)))
      count('a settled task that changed')
  }
  const wanted = [
    ...failureCodes,
    'pending',
    'succeeded',
    'pending with an incomplete success',
    'pending with some stems',
    'audio after a failure',
    'both sources name a stem otherwise',
    'more after a success',
    'a settled task that changed',
  ]
  expect(wanted.filter((name) => (seen.get(name) ?? 0) < 25)).toEqual([])
})

describe('failures are ranked by source, then by code:', () => {
  const failed = (
    code: 'CALLBACK_FAILED' | 'CREATION_FAILED' | 'GENERATION_FAILED',
    more: object = {},
  ): ProviderReport => ({
    kind: 'reported',
    by: 'record-info',
    providerTaskId,
    outcome: { state: 'failed', code, providerCode: null, message: code, completedAtMs: null, ...more },
    type: null,
    audioId: null,
    musicId: null,
    originUrl: null,
  })
  const byCallback: ProviderReport = {
    ...failed('GENERATION_FAILED', { providerCode: 400, message: 'a' }),
    by: 'callback',
  }
  const refusal = {
    reason: 'refused',
    providerCode: 402,
    message: 'no',
    retryable: false,
    retryAfterSeconds: null,
  } as const
  const ranked: readonly (readonly [string, Report, object, string])[] = [
    ['an order that was never confirmed', { kind: 'unconfirmed' }, {}, 'CREATE_TASK_FAILED'],
    ['a refusal', { kind: 'refused', refusal }, { code: 'SUBMISSION_REFUSED' }, 'CREATE_TASK_FAILED'],
    ['no result', { kind: 'no-result' }, { code: 'NO_RESULT' }, 'GENERATE_AUDIO_FAILED'],
    ["a callback's failure", byCallback, { by: 'callback' }, 'GENERATE_AUDIO_FAILED'],
    [
      "record-info's CALLBACK_EXCEPTION",
      failed('CALLBACK_FAILED', { providerCode: 531 }),
      { code: 'CALLBACK_FAILED', providerCode: 531 },
      'CALLBACK_EXCEPTION',
    ],
    [
      "record-info's CREATE_TASK_FAILED",
      failed('CREATION_FAILED'),
      { code: 'CREATION_FAILED', by: 'record-info' },
      'CREATE_TASK_FAILED',
    ],
    [
      "record-info's GENERATE_AUDIO_FAILED",
      failed('GENERATION_FAILED', { message: 'b' }),
      { message: 'b', by: 'record-info' },
      'GENERATE_AUDIO_FAILED',
    ],
  ]
  const pairs = ranked.flatMap(([weaker, a], index) =>
    ranked.slice(index + 1).map(([stronger, b, failure, status]) => ({ weaker, stronger, a, b, failure, status })),
  )

  test.each(pairs)('$stronger wins over $weaker', ({ failure, a, b, status }) => {
    for (const both of [
      [a, b],
      [b, a],
    ]) {
      const end = endOf(
        ordered,
        both.map((each, index) => ({ report: each, atMs: createdAtMs + index })),
      )
      expect(statusOf(end)).toBe(status)
      expect(end).toMatchObject({ state: 'failed', failure })
    }
  })

  test.each([
    ['the lower provider code', { providerCode: 400 }, { providerCode: 500 }],
    ['any provider code', { providerCode: 500 }, { providerCode: null }],
  ])('of two failures with the same source and rank, %s wins', (_name, better, worse) => {
    const [a, b] = [failed('GENERATION_FAILED', better), failed('GENERATION_FAILED', worse)]
    for (const both of [
      [a, b],
      [b, a],
    ]) {
      const end = endOf(
        bound,
        both.map((each) => ({ report: each, atMs: createdAtMs })),
      )
      expect(end).toMatchObject({ failure: better })
    }
  })
})

test('a callback without audio does not start the grace period for the stems of record-info', () => {
  const empty: ProviderReport = {
    kind: 'reported',
    by: 'callback',
    providerTaskId,
    outcome: { state: 'succeeded', stems: [], completedAtMs: null },
    type: null,
    audioId: null,
    musicId: null,
    originUrl: null,
  }
  expect(advance(bound, empty, createdAtMs + 1)).toMatchObject({ state: 'pending', incompleteSinceMs: null })
  expect(advance(bound, { ...empty, by: 'record-info' }, createdAtMs + 1)).toMatchObject({
    state: 'pending',
    incompleteSinceMs: createdAtMs + 1,
  })
})

test('a report that tells the type ends the wait for stems that this type need not have', () => {
  const common = { kind: 'reported', providerTaskId, audioId: null, musicId: null, originUrl: null } as const
  const stems = [
    { part: 'vocal', label: null, url: 'https://a.example/1', durationSeconds: null, originId: null } as const,
  ]
  const vocals: ProviderReport = {
    ...common,
    by: 'record-info',
    outcome: { state: 'succeeded', stems, completedAtMs: null },
    type: null,
  }
  const waiting = advance(adopted, vocals, createdAtMs + 1)
  expect(waiting).toMatchObject({ state: 'pending', partial: { stems: [{ part: 'vocal' }] } })
  const told: ProviderReport = { ...common, by: 'callback', outcome: { state: 'pending' }, type: 'split_stem' }
  expect(advance(waiting, told, createdAtMs + 2)).toMatchObject({
    state: 'succeeded',
    stems: [{ part: 'vocal' }],
  })
  expect(advance(waiting, { ...told, type: 'separate_vocal' }, createdAtMs + 2)).toMatchObject({ state: 'pending' })
})

test('a task keeps 64 stems, and later stems replace none of them', () => {
  const named = (from: number): ProviderReport => ({
    kind: 'reported',
    by: 'record-info',
    providerTaskId,
    outcome: {
      state: 'succeeded',
      stems: Array.from({ length: 40 }, (_, index) => ({
        part: 'other',
        label: `part ${from + index}`,
        url: 'https://a.example/1',
        durationSeconds: null,
        originId: null,
      })),
      completedAtMs: null,
    },
    type: null,
    audioId: null,
    musicId: null,
    originUrl: null,
  })
  const stemsOf = (task: Task) => (task.state === 'succeeded' ? task.stems.map(stemName) : [])
  const first = advance(split, named(100), createdAtMs)
  const second = advance(first, named(0), createdAtMs)
  expect(stemsOf(second)).toHaveLength(64)
  expect(stemsOf(first).filter((name) => !stemsOf(second).includes(name))).toEqual([])
})

test('an earlier time of a result or of its URLs is no change for subscribers, a new URL is', () => {
  const task = succeededTask()
  const [first] = task.stems
  if (first === undefined) throw new Error('A task that has succeeded has stems.')
  const withUrl = (change: object) => ({
    ...task,
    stems: [{ ...first, url: { ...first.url, ...change } }, ...task.stems.slice(1)],
  })
  expect(isVisibleChange(task, { ...task, foundAtMs: task.foundAtMs - 1 })).toBe(false)
  expect(isVisibleChange(task, withUrl({ atMs: first.url.atMs - 1 }))).toBe(false)
  expect(isVisibleChange(task, withUrl({ value: 'https://files.example/other.mp3' }))).toBe(true)
})

describe('the events of a task', () => {
  const refusal = {
    reason: 'unavailable',
    providerCode: null,
    message: 'not now',
    retryable: true,
    retryAfterSeconds: null,
  } as const

  test('are at most the first and the latest three of each kind', () => {
    const reports = Array.from({ length: 9 }, (_, index) => ({
      report: { kind: 'unanswered' } as const,
      atMs: createdAtMs + ((index * 5) % 9),
    }))
    const after = endOf(ordered, [...reports, ...reports])
    expect(after.events.map(({ kind, atMs }) => [kind, atMs - createdAtMs])).toEqual([
      ['unanswered', 0],
      ['unanswered', 6],
      ['unanswered', 7],
      ['unanswered', 8],
    ])
  })

  test('lead a task from queued to settled', () => {
    const phases = lifeOf(queued, [
      { report: { kind: 'sent', expectedAtMs: createdAtMs + 500, attempt: 'a' }, atMs: createdAtMs + 1 },
      { report: { kind: 'unanswered' }, atMs: createdAtMs + 2 },
      { report: { kind: 'accepted', providerTaskId }, atMs: createdAtMs + 3 },
      { report: { kind: 'refused', refusal }, atMs: createdAtMs + 4 },
    ]).map((task) => [phaseOf(task), task.charge, task.expectedAtMs])
    expect(phases).toEqual([
      ['QUEUED', 'NONE', null],
      ['SENDING', 'MAYBE', createdAtMs + 500],
      ['UNCONFIRMED', 'MAYBE', createdAtMs + 500],
      ['PROCESSING', 'CHARGED', createdAtMs + 500],
      ['SETTLED', 'CHARGED', createdAtMs + 500],
    ])
  })

  test('alone are no change, except those that change the phase', () => {
    const eventsOf = (...kinds: readonly TaskEventKind[]) =>
      kinds.map((kind, index) => ({ kind, atMs: createdAtMs + index }))
    const changes = (before: Task['events'], after: Task['events']) =>
      isVisibleChange({ ...ordered, events: before }, { ...ordered, events: after, updatedAtMs: createdAtMs + 9 })
    expect(changes(eventsOf('sent'), eventsOf('sent', 'checked'))).toBe(false)
    expect(changes(eventsOf('sent', 'unanswered'), eventsOf('sent', 'unanswered', 'unanswered'))).toBe(false)
    expect(changes(eventsOf('sent'), eventsOf('sent', 'unanswered'))).toBe(true)
    expect(changes([], eventsOf('sent'))).toBe(true)
  })
})
