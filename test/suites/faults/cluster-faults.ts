import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster, Member } from './cluster.ts'
import type { Random } from './random.ts'

/** What happens to gateways, and to what they share. */
export const clusterFaultKinds = [
  'Redis restarted',
  'CLIENT KILL TYPE normal',
  'CLIENT KILL TYPE pubsub',
  "PostgreSQL's backends ended",
  'PostgreSQL half open at one gateway',
  'PostgreSQL half open at all',
  'Redis half open at one gateway',
  'Redis half open at all',
  'PostgreSQL and Redis away together',
  'a gateway killed',
  /** Until that is measured which has to go on without it. */
  'Redis away all the while',
] as const
export type ClusterFaultKind = (typeof clusterFaultKinds)[number]

/** Whether the fault is one of Redis, at least in part. */
export function needsRedis(kind: ClusterFaultKind): boolean {
  return /Redis|CLIENT KILL/.test(kind)
}

/** How often each is to strike. */
export type FaultPlan = Readonly<Record<ClusterFaultKind, number>>

/**
 * Within how long after its end everything must be as before, in milliseconds. Without Redis a subscriber is told when its
 * gateway reads the revisions of what is watched, once a second.
 */
export function limitMsOf(kind: ClusterFaultKind): number {
  return kind.includes('half open') ? 30_000 : 5_000
}

const longestAwayMs = 1_500
const leastHalfOpenMs = 1_000
const longestHalfOpenMs = 4_000

/** Strikes, waits for as long as the fault lasts and heals it. Resolves to how many connections or processes it met. */
export async function strike(kind: ClusterFaultKind, cluster: Cluster, random: Random): Promise<number> {
  const { members, redis } = cluster
  const one = random.pick(members)
  if (one === null) throw new Error('A cluster has members.')
  const awayMs = random.below(longestAwayMs)
  switch (kind) {
    case 'Redis restarted':
      await redis.stop()
      await sleep(awayMs)
      await redis.restart()
      return 1
    case 'CLIENT KILL TYPE normal':
      return Number(await cluster.tellRedis('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'))
    case 'CLIENT KILL TYPE pubsub':
      return Number(await cluster.tellRedis('CLIENT', 'KILL', 'TYPE', 'pubsub', 'SKIPME', 'yes'))
    case "PostgreSQL's backends ended":
      return endBackends(cluster)
    case 'PostgreSQL half open at one gateway':
    case 'PostgreSQL half open at all':
    case 'Redis half open at one gateway':
    case 'Redis half open at all': {
      const struck = kind.endsWith('all') ? members : [one]
      const proxies = struck.map((member) => wayOf(member, kind))
      for (const proxy of proxies) proxy.swallow()
      await sleep(leastHalfOpenMs + random.below(longestHalfOpenMs - leastHalfOpenMs))
      for (const proxy of proxies) proxy.heal()
      return proxies.length
    }
    case 'PostgreSQL and Redis away together': {
      await redis.stop()
      const ended = await endBackends(cluster)
      for (const member of members) member.toPostgres.cut()
      await sleep(awayMs)
      await redis.restart()
      return ended
    }
    case 'a gateway killed':
      await one.process.kill()
      await sleep(awayMs)
      await one.process.start()
      return 1
    case 'Redis away all the while':
      await redis.stop()
      return 1
  }
}

/** Ends what `strike` has left as it is, if anything. */
export async function mend(kind: ClusterFaultKind, { redis }: Cluster): Promise<void> {
  if (kind === 'Redis away all the while') await redis.restart()
}

function wayOf(member: Member, kind: string) {
  return kind.startsWith('Redis') ? member.toRedis : member.toPostgres
}

async function endBackends(cluster: Cluster): Promise<number> {
  const ended = await cluster.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  )
  return ended.length
}
