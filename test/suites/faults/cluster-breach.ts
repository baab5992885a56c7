import { breachKinds } from './evidence.ts'

/** The violations that the comparison of gateways on one database can find. */
export const clusterBreachKinds = [
  ...breachKinds,
  'recovered late',
  'blocked by a stopped gateway',
  'ended by itself',
  'asked out of pace',
] as const

/** A broken guarantee. */
export interface ClusterBreach {
  readonly kind: (typeof clusterBreachKinds)[number]
  readonly detail: string
}
