import { rollingWindowScript } from './rolling-window-script.ts'

/**
 * The Redis script that takes up to ARGV[2] slots, with at most ARGV[1] in any `windowMs` by the clock of Redis. KEYS[1] is
 * a sorted set of slots by the time at which they were taken. Returns the number of slots taken, and the milliseconds until
 * the next slot.
 */
export function readRateScript(windowMs: number): string {
  return `${rollingWindowScript(windowMs)}
forget(KEYS[1])
local held = redis.call('ZCARD', KEYS[1])
local taken = math.max(0, math.min(tonumber(ARGV[2]), tonumber(ARGV[1]) - held))
if taken > 0 then
  for index = 1, taken do redis.call('ZADD', KEYS[1], micros(now), micros(now) .. ':' .. (held + index)) end
  redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000))
end
return { taken, leavesIn(KEYS[1], 0) }
`
}
