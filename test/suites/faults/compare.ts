import type { Order, Ordered, ShownTask, Watched } from './client.ts'
import { stemsInCallback, type Charge } from './ledger.ts'

/** A message that arrived, whatever it was answered with. */
export interface Told {
  readonly id: string
  readonly body: string
  readonly data: {
    readonly taskId: string
    readonly revision: number
    readonly status: string
    readonly charge: string
    readonly stems: readonly unknown[]
  }
}

/** The evidence at the end of a run. */
export interface Evidence {
  readonly ledger: readonly Charge[]
  readonly tasks: readonly ShownTask[]
  /** How many orders the budget of the caller has counted; null: there is none, or no gateway answered. */
  readonly counted: number | null
  /** The webhooks that arrived; missing if no order asked for any. */
  readonly told?: readonly Told[]
  readonly orders: readonly { readonly order: Order; readonly ended: Ordered }[]
  /** null: the subscription had not ended. */
  readonly watches: readonly { readonly taskId: string; readonly ended: Watched | null }[]
}

/** The violations that the comparison can find. */
export const breachKinds = ['charged twice', 'lost', 'contradictions', 'never answered', 'keys to two tasks'] as const

/** A broken guarantee. */
export interface Breach {
  readonly kind: (typeof breachKinds)[number]
  readonly detail: string
}

/** Compares the vendor's ledger with the gateway's tasks and the clients' results. Empty if they agree. */
export function compare(evidence: Evidence): readonly Breach[] {
  return [
    ...chargedTwice(evidence),
    ...settledWrongly(evidence),
    ...countedWrongly(evidence),
    ...toldWrongly(evidence),
    ...watchedInVain(evidence),
    ...keysAstray(evidence),
  ]
}

/** No test orders a track again that may have failed, so each track and each task is charged at most once. */
function* chargedTwice({ ledger }: Evidence): Generator<Breach> {
  for (const of of ['audioId', 'taskId'] as const) {
    const first = new Map<string, Charge>()
    for (const charge of ledger) {
      const earlier = first.get(charge[of])
      if (earlier === undefined) first.set(charge[of], charge)
      else yield { kind: 'charged twice', detail: `${of} ${charge[of]}: ${named(earlier)} and ${named(charge)}` }
    }
  }
}

function* settledWrongly({ ledger, tasks }: Evidence): Generator<Breach> {
  const byId = new Map(tasks.map((task) => [task.id, task]))
  const charged = new Set(ledger.map((charge) => charge.taskId))
  for (const charge of ledger) {
    const task = byId.get(charge.taskId)
    if (task === undefined) {
      yield { kind: 'lost', detail: `${named(charge)}: the gateway has no such task` }
      continue
    }
    const problem = problemOf(charge, task)
    if (problem === null) continue
    const mustBeKnown = charge.callbackTaken || charge.answerTaken
    yield { kind: mustBeKnown ? 'lost' : 'contradictions', detail: `${named(charge)}: ${problem}: ${shown(task)}` }
  }
  for (const task of tasks.filter(({ id }) => !charged.has(id))) {
    const isRight = task.status === 'CREATE_TASK_FAILED' && task.charge !== 'CHARGED' && task.stems === null
    if (!isRight) yield { kind: 'contradictions', detail: `never charged: ${shown(task)}` }
  }
}

/** An order counts until it is known not to be charged. */
function* countedWrongly({ tasks, counted }: Evidence): Generator<Breach> {
  const expected = tasks.filter(({ charge, settled }) => charge !== 'NONE' || !settled).length
  if (counted === null || counted === expected) return
  yield { kind: 'contradictions', detail: `the budget counts ${counted} orders, and ${expected} tasks count` }
}

/** Each settled task is told as it is in the end. What is told twice has one id, and one body. */
function* toldWrongly({ tasks, told }: Evidence): Generator<Breach> {
  if (told === undefined) return
  const bodies = new Map<string, string>()
  const revisions = new Map<string, string>()
  for (const { id, body, data } of told) {
    if ((bodies.get(id) ?? body) !== body) yield { kind: 'contradictions', detail: `${id} was told with two bodies` }
    bodies.set(id, body)
    const change = `${data.taskId} ${data.revision}`
    if ((revisions.get(change) ?? id) !== id)
      yield { kind: 'contradictions', detail: `${change} was told with two ids` }
    revisions.set(change, id)
  }
  for (const task of tasks.filter(({ settled }) => settled)) {
    const last = told
      .filter(({ data }) => data.taskId === task.id)
      .toSorted((a, b) => b.data.revision - a.data.revision)
      .at(0)
    const isRight =
      last?.data.status === task.status &&
      last.data.charge === task.charge &&
      last.data.stems.length === (task.stems?.all.length ?? 0)
    if (!isRight) yield { kind: 'lost', detail: `no webhook told ${shown(task)}` }
  }
}

/** The error in the task of a charge; null if there is none. */
function problemOf(charge: Charge, task: ShownTask): string | null {
  const isUnconfirmed = task.failure?.code === 'SUBMISSION_UNCONFIRMED' && task.charge === 'MAYBE'
  if (isUnconfirmed && !charge.callbackTaken && !charge.answerTaken) return null
  if (task.charge !== 'CHARGED') return 'it is charged'
  // What its callback's own words settled (whether or not the vendor heard our 200) is asked for a few times only:
  // record-info may have been away each time.
  const isHearsay = task.providerTaskId === null && charge.callsBack
  if (!isHearsay && task.providerTaskId !== charge.providerTaskId) return 'it is not bound to the charge'
  if (charge.outcome === 'failed') return task.status === 'GENERATE_AUDIO_FAILED' ? null : 'the vendor says it failed'
  if (task.status !== 'SUCCESS') return 'the vendor says it succeeded'
  const urls = task.stems?.all.map(({ url }) => url).toSorted() ?? []
  const report = isHearsay ? stemsInCallback(charge) : charge.stems
  const wanted = Object.values(report).toSorted()
  return urls.join(' ') === wanted.join(' ') ? null : `other stems than ${wanted.join(' ')}`
}

function* watchedInVain({ watches }: Evidence): Generator<Breach> {
  for (const { taskId, ended } of watches) {
    if (ended?.last?.settled === true) continue
    const end =
      ended === null ? 'it never ended' : `it ended with ${ended.last === null ? 'nothing' : shown(ended.last)}`
    yield { kind: 'never answered', detail: `${taskId}: ${end}` }
  }
}

/** All orders of one key, or of one track that cannot fail, must return the same task and no unexpected error. */
function* keysAstray({ orders }: Evidence): Generator<Breach> {
  const report = new Map<string, string>()
  for (const { order, ended } of orders) {
    const isBroke = order.audioId.endsWith('broke')
    if (ended.kind === 'task') {
      const earlier = report.get(order.audioId)
      if (earlier !== undefined && earlier !== ended.taskId) {
        yield { kind: 'keys to two tasks', detail: `${keyOf(order)}: ${earlier} and ${ended.taskId}` }
      }
      report.set(order.audioId, ended.taskId)
    } else if (ended.kind === 'unanswered') {
      yield { kind: 'never answered', detail: `${keyOf(order)}: the order was never answered` }
    } else if (!isBroke || ended.error !== 'InsufficientCreditsError') {
      yield { kind: 'contradictions', detail: `${keyOf(order)}: refused with ${ended.error}` }
    }
  }
}

function keyOf({ audioId, idempotencyKey }: Order): string {
  return `${audioId} with ${idempotencyKey ?? 'no key'}`
}

function named(charge: Charge): string {
  const { providerTaskId, audioId, outcome, callsBack, callbackTaken, answerTaken } = charge
  const heard = `callback ${callsBack ? (callbackTaken ? 'taken' : 'not taken') : 'never sent'}, answer ${answerTaken ? 'taken' : 'perhaps not taken'}`
  return `${providerTaskId} of ${audioId} (${outcome}, ${heard})`
}

function shown(task: ShownTask): string {
  const { id, providerTaskId, status, charge, failure, stems } = task
  const what = `${status}${failure === null ? '' : ` ${failure.code}`}, ${charge}, ${stems?.all.length ?? 0} stems`
  return `${id} (${providerTaskId ?? 'unbound'}): ${what}`
}
