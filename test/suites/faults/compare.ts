import { countedWrongly } from './compare-budgets.ts'
import { toldWrongly } from './compare-webhooks.ts'
import type { Order, ShownTask } from './client.ts'
import { shown, type Breach, type Evidence } from './evidence.ts'
import { stemsInCallback, type Charge } from './ledger.ts'

/** Compares the vendor's ledger with the gateway's tasks and the clients' results. Empty if they agree. */
export function compare(evidence: Evidence): readonly Breach[] {
  return [
    ...chargedTwice(evidence),
    ...settledWrongly(evidence),
    ...countedWrongly(evidence),
    ...toldWrongly(evidence),
    ...deletedWrongly(evidence),
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

function* settledWrongly({ ledger, callers }: Evidence): Generator<Breach> {
  const tasks = callers.flatMap((caller) => caller.tasks)
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

/** What is old enough is deleted, as a whole, and nothing else. */
function* deletedWrongly({ purge }: Evidence): Generator<Breach> {
  if (purge === null) return
  const { expired, young } = purge
  if (expired.whole > 0) {
    yield { kind: 'old tasks kept', detail: `${expired.whole} of ${expired.stored} are still there` }
  }
  if (young.whole !== young.stored) {
    yield { kind: 'young tasks deleted', detail: `${young.whole} of ${young.stored} are still there` }
  }
  if (expired.halves > 0 || expired.whole + expired.deleted !== expired.stored) {
    yield { kind: 'contradictions', detail: `of the old tasks there are ${JSON.stringify(expired)}` }
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
  for (const { order, ended, isRepeat } of orders) {
    const isBroke = order.audioId.endsWith('broke')
    // Whoever repeats an order joins its task, also if the budget is used up.
    const mayExceed = order.caller !== undefined && isRepeat !== true
    if (ended.kind === 'task') {
      const earlier = report.get(order.audioId)
      if (earlier !== undefined && earlier !== ended.taskId) {
        yield { kind: 'keys to two tasks', detail: `${keyOf(order)}: ${earlier} and ${ended.taskId}` }
      }
      report.set(order.audioId, ended.taskId)
    } else if (ended.kind === 'unanswered') {
      yield { kind: 'never answered', detail: `${keyOf(order)}: the order was never answered` }
    } else if (
      !(isBroke && ended.error === 'InsufficientCreditsError') &&
      !(mayExceed && ended.error === 'BudgetExceededError')
    ) {
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
