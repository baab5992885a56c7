import { warningShare } from '../../../src/separation/order/budget-warnings.ts'
import { shown, type Breach, type Evidence, type Told } from './evidence.ts'

/** Each settled task is told as it is in the end, and each budget that is nearly used up. What is told twice has one id, and one body. */
export function* toldWrongly(evidence: Evidence): Generator<Breach> {
  yield* toldInTwoWays(evidence)
  yield* toldElsewhere(evidence)
  yield* neverTold(evidence)
}

function* toldInTwoWays({ told }: Evidence): Generator<Breach> {
  const kind = 'webhooks with two ids or bodies'
  const bodies = new Map<string, string>()
  const ids = new Map<string, string>()
  for (const message of told) {
    const { id, body, type } = message
    // A budget from which refused orders were given back is warned of again, as of then, with the same id.
    if (type !== 'budget.warning' && (bodies.get(id) ?? body) !== body) yield { kind, detail: `${id} has two bodies` }
    bodies.set(id, body)
    const change = changeOf(message)
    if ((ids.get(change) ?? id) !== id) yield { kind, detail: `${change} has two ids` }
    ids.set(change, id)
  }
}

/** What it tells: no two messages tell the same. */
function changeOf(message: Told): string {
  if (message.type === 'budget.warning') return `the budget of ${message.path}`
  return `${message.data.taskId} ${message.data.revision}`
}

function* toldElsewhere({ callers, told }: Evidence): Generator<Breach> {
  const paths = new Map(callers.flatMap((caller) => caller.tasks.map(({ id }) => [id, caller.told?.path] as const)))
  for (const message of told) {
    if (message.type === 'budget.warning') continue
    const { taskId } = message.data
    if (paths.has(taskId) && paths.get(taskId) !== message.path) {
      yield { kind: 'contradictions', detail: `${taskId} was told to ${message.path}` }
    }
  }
}

function* neverTold({ callers, told }: Evidence): Generator<Breach> {
  const last = new Map<string, Extract<Told, { data: unknown }>['data']>()
  for (const message of told) {
    if (message.type === 'budget.warning') continue
    const { taskId, revision } = message.data
    if ((last.get(taskId)?.revision ?? -1) < revision) last.set(taskId, message.data)
  }
  for (const { name, tasks, budget, told: tells } of callers) {
    if (tells === null) continue
    for (const task of tasks.filter(({ settled }) => settled)) {
      const said = last.get(task.id)
      const isRight =
        said?.status === task.status &&
        said.charge === task.charge &&
        said.stems.length === (task.stems?.all.length ?? 0)
      if (!isRight) yield { kind: 'webhooks lost', detail: `no webhook told ${shown(task)}` }
    }
    const isNearlyUsedUp = budget !== null && (budget.used ?? 0) >= warningShare * budget.limit
    const isWarned = told.some(({ type, path }) => type === 'budget.warning' && path === tells.path)
    if (tells.ofBudget && isNearlyUsedUp && !isWarned) {
      yield { kind: 'webhooks lost', detail: `no webhook warned ${name} of its budget` }
    }
  }
}
