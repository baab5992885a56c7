import { rollingWindowScript } from './rolling-window-script.ts'

/**
 * The Redis script of `createFairRate`, for all gateways together.
 *
 * - KEYS: the log of all slots; the log of the caller's slots; the waiting callers, by the time until which they wait.
 * - ARGV: 1 to take a slot, 0 to only mark the caller as waiting; the limit; the caller's share of it; the number of
 *   waiting orders before this one, of all callers and of this caller; the name of the slot; the caller.
 * - Returns: whether a slot was taken; how many milliseconds until there may be one; whether all slots are taken; whether
 *   the caller holds its share.
 */
export function orderRateScript(windowMs: number): string {
  return `${rollingWindowScript(windowMs)}
local mayTake, limit, share = ARGV[1] == '1', tonumber(ARGV[2]), tonumber(ARGV[3])
local allWaiting, ownWaiting, name, caller = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6], ARGV[7]

forget(KEYS[1])
forget(KEYS[2])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', micros(now))
local maxWait = 60000000 + window
-- Remove later times: they are left from before the clock was set back.
redis.call('ZREMRANGEBYSCORE', KEYS[3], '(' .. micros(now + maxWait), '+inf')

local function freeIn(log, waiting, max)
  local held = redis.call('ZCARD', log)
  local index = held + waiting - max
  if index < 0 then return 0 end
  if index < held then return leavesIn(log, index) end
  local windows = 1 + math.floor((index - held) / max)
  return windows * math.ceil(window / 1000) + leavesIn(log, (index - held) % max)
end

local othersFor = 0
local last = redis.call('ZREVRANGE', KEYS[3], 0, 1, 'WITHSCORES')
if last[1] == caller then last = { last[3], last[4] } end
if last[2] then othersFor = math.ceil((last[2] - now) / 1000) end

local allFree = freeIn(KEYS[1], allWaiting, limit)
local ownFree = math.min(othersFor, freeIn(KEYS[2], ownWaiting, share))
local freeInMs = math.max(allFree, ownFree)
if freeInMs > 0 or not mayTake then
  redis.call('ZADD', KEYS[3], micros(now + math.min(freeInMs * 1000 + window, maxWait)), caller)
  local last = redis.call('ZREVRANGE', KEYS[3], 0, 0, 'WITHSCORES')
  redis.call('PEXPIRE', KEYS[3], math.ceil((last[2] - now) / 1000))
  return { 0, freeInMs, allFree > 0 and 1 or 0, ownFree > 0 and 1 or 0 }
end
for index = 1, 2 do
  redis.call('ZADD', KEYS[index], micros(now), name)
  redis.call('PEXPIRE', KEYS[index], math.ceil(window / 1000))
end
return { 1, 0, 0, 0 }
`
}

/** The Redis script that counts the slot ARGV[1] from now on, in all logs that KEYS names. */
export function renewSlotScript(windowMs: number): string {
  return `${rollingWindowScript(windowMs)}
for index = 1, #KEYS do
  redis.call('ZADD', KEYS[index], micros(now), ARGV[1])
  redis.call('PEXPIRE', KEYS[index], math.ceil(window / 1000))
end
`
}
