import type { AnswerTime } from '../providers/vocal-removal/rest-provider.ts'
import { formatSkew, warnAboveMs } from '../stores/postgres/clock-skew.ts'
import { ok, warning, type Finding } from './check.ts'

/** A second, to which the time of an answer is rounded down. */
const roundingMs = 1_000

/** Compares this machine's clock with that of a provider. Never an error: a gateway starts, whatever its clock shows. */
export function compareClock(provider: string, { dateMs, askedAtMs, answeredAtMs }: AnswerTime): Finding {
  // The answer was made at some time while it was awaited, and within the second that it names.
  const leastMs = dateMs - answeredAtMs
  const mostMs = dateMs + roundingMs - askedAtMs
  const certainMs = leastMs > 0 ? leastMs : Math.max(0, -mostMs)
  if (certainMs <= warnAboveMs) return ok(`this machine's clock agrees with that of ${provider}, to a second or two`)
  return warning(`this machine's clock is ${formatSkew((leastMs + mostMs) / 2)} that of ${provider}: use NTP`)
}
