import { breachKinds } from './compare.ts'

/** What must not be where several gateways share one database. */
export const clusterBreachKinds = [
  ...breachKinds,
  'recovered late',
  'blocked by a stopped gateway',
  'ended by itself',
  'asked out of pace',
] as const

/** A promise that was not kept. */
export interface ClusterBreach {
  readonly kind: (typeof clusterBreachKinds)[number]
  readonly detail: string
}
