/** The skew between this machine's clock and the database's above which the gateway warns, in milliseconds. */
export const warnAboveMs = 1_000
/** The skew above which it does not start, in milliseconds. */
export const refuseAboveMs = 60_000

/** @param skewMs how far the database's clock is ahead of this machine's, in milliseconds */
export function formatSkew(skewMs: number): string {
  return `${(Math.abs(skewMs) / 1000).toFixed(1)} s ${skewMs > 0 ? 'behind' : 'ahead of'}`
}
