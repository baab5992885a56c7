import { setTimeout as sleep } from 'node:timers/promises'
import type { GatewayProcess } from './gateway-process.ts'
import { killPoints, type Killer, type KillPoint } from './kill-points.ts'
import type { OldTasks } from './old-tasks.ts'
import { createRandom } from './random.ts'

export interface KillOptions {
  readonly seed: string
  readonly kills: number
  /** The maximum time in milliseconds before the next kill is prepared. */
  readonly longestLifeMs: number
  readonly gateway: GatewayProcess
  readonly killer: Killer
  readonly oldTasks: Pick<OldTasks, 'read' | 'countDeleted'>
}

const withinMs = 3_000
/** A gateway begins to delete old tasks a second after its start. */
const deletionWithinMs = 10_000
const pollMs = 50

/**
 * Kills at each point in turn, and during a restart where a point is not reached in time; resolves to the number of kills at
 * each point.
 */
export async function killOften(
  options: KillOptions,
  onKilled: (count: number) => Promise<void>,
): Promise<ReadonlyMap<KillPoint, number>> {
  const { seed, kills, longestLifeMs, gateway } = options
  const random = createRandom(`${seed}/kills`)
  const killed = new Map<KillPoint, number>(killPoints.map((point) => [point, 0]))
  for (let count = 1; count <= kills; count++) {
    await sleep(random.below(longestLifeMs))
    const restartLivesMs = random.below(600)
    const wanted = killPoints[count % killPoints.length] ?? 'during a restart'
    const isReached = await killAt(wanted, options)
    const point = isReached ? wanted : 'during a restart'
    if (!isReached) {
      await gateway.kill()
      const starting = gateway.start()
      await sleep(restartLivesMs)
      await gateway.kill()
      await starting
    }
    killed.set(point, (killed.get(point) ?? 0) + 1)
    await gateway.start()
    await onKilled(count)
  }
  return killed
}

/** Resolves to whether the point was reached. */
async function killAt(point: KillPoint, { killer, oldTasks }: KillOptions): Promise<boolean> {
  if (point === 'during a restart') return false
  if (point !== 'while old tasks are deleted') return killer.killAt(point, withinMs)
  if ((await oldTasks.read()).expired.whole === 0) return false
  const before = await oldTasks.countDeleted()
  let isOver = false
  const killing = killer.killAt(point, deletionWithinMs).finally(() => (isOver = true))
  while (!isOver) {
    if ((await oldTasks.countDeleted()) > before) await killer.reachability(point)
    await sleep(pollMs)
  }
  return killing
}

/** Spreads the orders over the kills; and some come anyway, since most points are reached by orders alone. */
export function createPace(groups: number, kills: number) {
  let killed = 0
  let lastAtMs = performance.now()
  return {
    step() {
      killed += 1
      lastAtMs = performance.now()
    },
    allowed: () =>
      killed >= kills
        ? groups
        : Math.ceil((groups * (killed + 1)) / (kills + 1)) + (performance.now() - lastAtMs) / 250,
  }
}
