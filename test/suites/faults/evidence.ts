import type { Order, Ordered, ShownTask, Watched } from './client.ts'
import type { Charge } from './ledger.ts'

/** A message that arrived, whatever it was answered with. */
export type Told = {
  readonly id: string
  /** The path to which it came. */
  readonly path: string
  readonly body: string
} & (
  | {
      readonly type: 'separation.settled' | 'separation.updated'
      readonly data: {
        readonly taskId: string
        readonly revision: number
        readonly status: string
        readonly charge: string
        readonly stems: readonly unknown[]
      }
    }
  | { readonly type: 'budget.warning' }
)

/** What the gateway shows to one caller. */
export interface CallerEvidence {
  readonly name: string
  readonly tasks: readonly ShownTask[]
  /** null: the caller has none. `used`: null if no gateway answered. */
  readonly budget: { readonly limit: number; readonly used: number | null } | null
  /** The path that is told of each of its tasks, and whether it is told of its budget; null: nothing is told. */
  readonly told: { readonly path: string; readonly ofBudget: boolean } | null
}

/** An order and how it ended. */
export interface OrderEvidence {
  readonly order: Order
  readonly ended: Ordered
  /** Whether it repeats an order of which there is a task. */
  readonly isRepeat?: true
}

/** What became of the tasks that stood in the database before the run. */
export interface PurgeEvidence {
  /** Those that are old enough to be deleted. `halves`: tasks, keys and tombstones that lack what belongs to them. */
  readonly expired: {
    readonly stored: number
    readonly whole: number
    readonly halves: number
    readonly deleted: number
  }
  /** Those that are not. */
  readonly young: { readonly stored: number; readonly whole: number }
}

/** The evidence at the end of a run. */
export interface Evidence {
  readonly ledger: readonly Charge[]
  readonly callers: readonly CallerEvidence[]
  /** The webhooks that arrived. */
  readonly told: readonly Told[]
  /** null: there was nothing to delete. */
  readonly purge: PurgeEvidence | null
  readonly orders: readonly OrderEvidence[]
  /** null: the subscription had not ended. */
  readonly watches: readonly { readonly taskId: string; readonly ended: Watched | null }[]
}

/** The violations that the comparison can find. */
export const breachKinds = [
  'charged twice',
  'lost',
  'contradictions',
  'never answered',
  'keys to two tasks',
  'budgets passed',
  'webhooks lost',
  'webhooks with two ids or bodies',
  'old tasks kept',
  'young tasks deleted',
] as const

/** A broken guarantee. */
export interface Breach {
  readonly kind: (typeof breachKinds)[number]
  readonly detail: string
}

/** A task in one line. */
export function shown(task: ShownTask): string {
  const { id, providerTaskId, status, charge, failure, stems } = task
  const what = `${status}${failure === null ? '' : ` ${failure.code}`}, ${charge}, ${stems?.all.length ?? 0} stems`
  return `${id} (${providerTaskId ?? 'unbound'}): ${what}`
}
