import { setTimeout as sleep } from 'node:timers/promises'
import { leaseMs } from '../../../src/separation/check/lease.ts'
import { orderUntilAnswered, watchUntilComplete, type Order } from './client.ts'
import type { Cluster, Member } from './cluster.ts'
import type { ClusterBreach } from './cluster-breach.ts'
import type { KillPoint, Reach } from './kill-points.ts'
import type { Charge } from './ledger.ts'
import type { Vendor } from './vendor.ts'

/** Holds up whoever comes to one of the points, until it is opened. */
export interface Gate {
  readonly reachability: Reach
  shut(point: KillPoint): void
  open(point: KillPoint): void
}

export function createGate(): Gate {
  const shut = new Map<KillPoint, { readonly opened: Promise<void>; readonly open: () => void }>()
  return {
    async reachability(point) {
      await shut.get(point)?.opened
      return false
    },
    shut(point) {
      let open = () => {}
      const opened = new Promise<void>((resolve) => (open = resolve))
      shut.set(point, { opened, open })
    },
    open(point) {
      shut.get(point)?.open()
      shut.delete(point)
    },
  }
}

export interface StopOptions {
  readonly cluster: Cluster
  /** Nobody else may use it meanwhile, since it holds its answers back. */
  readonly vendor: Vendor
  readonly gate: Gate
  readonly member: Member
  /** Which stop it is: its tracks are named by it. */
  readonly index: number
  readonly stop: AbortSignal
}

export interface Stopped {
  readonly breaches: readonly ClusterBreach[]
  /** How long after the stop the last of its tasks was settled by the others, in milliseconds. */
  readonly settledAfterMs: number
  readonly stoodStillMs: number
}

const claimedTasks = 6
const settleWithinMs = leaseMs + 10_000
/** It stands still for longer than its claims are good for. */
const leastStopMs = leaseMs + 2_000
const lookMs = 50

/**
 * Stops a gateway that is asking for tasks and waits for the answer to an order; the others must settle those tasks and
 * answer that order's key, and when it goes on it must do nothing a second time.
 */
export async function playStop(options: StopOptions): Promise<Stopped> {
  const { cluster, vendor, gate, member, index, stop } = options
  const others = cluster.members.filter((each) => each !== member)
  const breaches: ClusterBreach[] = []
  const newOrder = (name: string, idempotencyKey: string | null): Order => {
    const audioId = `stop${index}-${name}-held`
    const musicTaskId = `music-of-${audioId}`
    return { musicTaskId, audioId, type: 'SEPARATE_VOCAL', idempotencyKey, force: false, provider: 'APIKLEY' }
  }
  const until = async (what: string, isSo: () => boolean) => {
    for (const untilMs = performance.now() + settleWithinMs; !isSo(); await sleep(lookMs)) {
      stop.throwIfAborted()
      if (performance.now() > untilMs) throw new Error(`It was waited for in vain that ${what}.`)
    }
  }

  // Nobody else is there to claim the tasks.
  for (const each of others) each.process.stop()
  let charges: readonly Charge[]
  const keyed = newOrder('submitting', `stop${index}-key`)
  let keyedAtMember: ReturnType<typeof orderUntilAnswered>
  try {
    gate.shut('during a check')
    const claimed = Array.from({ length: claimedTasks }, (_, each) => newOrder(String(each), null))
    await Promise.all(claimed.map((order) => orderUntilAnswered(member.process.url, order, stop)))
    charges = vendor.ledger.filter(({ audioId }) => claimed.some((order) => order.audioId === audioId))
    const asked = () => new Set(vendor.asked.filter(({ kind }) => kind === 'read').map(({ of }) => of))
    await until('its tasks are asked for', () => charges.every((charge) => asked().has(charge.providerTaskId)))
    gate.shut('after the charge, before the answer')
    keyedAtMember = orderUntilAnswered(member.process.url, keyed, stop)
    await until('its order is taken', () => vendor.ledger.some(({ audioId }) => audioId === keyed.audioId))
  } finally {
    for (const each of others) each.process.goOn()
  }
  const stoppedAtMs = performance.now()
  member.process.stop()
  try {
    for (const charge of charges) await vendor.finish(charge, null)
    gate.open('during a check')
    const where = () => others[0]?.process.url() ?? null
    const settling = Promise.all(charges.map(({ taskId }) => watchUntilComplete(where, taskId, stop)))
    const answers = await Promise.all(others.map((each) => orderUntilAnswered(each.process.url, keyed, stop)))
    const keyedCharge = vendor.ledger.find(({ audioId }) => audioId === keyed.audioId)
    for (const answer of answers) {
      if (answer.kind !== 'task' || answer.taskId !== keyedCharge?.taskId) {
        breaches.push({ kind: 'keys to two tasks', detail: `${keyed.audioId}: ${JSON.stringify(answer)}` })
      }
    }
    const settled = await Promise.race([settling, sleep(settleWithinMs, null, { ref: false })])
    const settledAfterMs = settled === null ? Number.POSITIVE_INFINITY : performance.now() - stoppedAtMs
    for (const [at, ended] of (settled ?? charges.map(() => null)).entries()) {
      if (ended?.last?.settled !== true) {
        breaches.push({
          kind: 'blocked by a stopped gateway',
          detail: `${charges[at]?.taskId} ${ended?.problem ?? ''}`,
        })
      }
    }
    await sleep(Math.max(0, stoppedAtMs + leastStopMs - performance.now()))

    const stoodStillMs = performance.now() - stoppedAtMs
    member.process.goOn()
    gate.open('after the charge, before the answer')
    const late = await keyedAtMember
    if (late.kind !== 'task' || late.taskId !== keyedCharge?.taskId) {
      breaches.push({ kind: 'keys to two tasks', detail: `${keyed.audioId}: ${JSON.stringify(late)}` })
    }
    if (keyedCharge !== undefined) {
      await vendor.finish(keyedCharge, null)
      const ended = await Promise.race([
        watchUntilComplete(member.process.url, keyedCharge.taskId, stop),
        sleep(settleWithinMs, null, { ref: false }),
      ])
      if (ended?.last?.settled !== true) {
        breaches.push({ kind: 'never answered', detail: `${keyedCharge.taskId}: after the stop` })
      }
    }
    for (const { audioId } of [...charges, keyed]) {
      const times = vendor.asked.filter(({ kind, of }) => kind === 'order' && of === audioId).length
      if (times !== 1) breaches.push({ kind: 'charged twice', detail: `${audioId}: submitted ${times} times` })
    }
    return { breaches, settledAfterMs, stoodStillMs }
  } finally {
    member.process.goOn()
    gate.open('during a check')
    gate.open('after the charge, before the answer')
  }
}
