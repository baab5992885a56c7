import { rollingWindowScript } from './rolling-window-script.ts'

/**
 * A Redis script that is what `createFairRate` is, for all gateways together. KEYS: the log of all slots, that of the
 * caller's, and the callers that wait by the time until which they do. ARGV: whether a slot may be taken (1) or the caller
 * only counts as waiting (0), the limit, the caller's share of it, how many waiting orders of all and of the caller come
 * before this one, the name of the slot, the caller. The answer: whether a slot was taken, for how many milliseconds there
 * is none, whether nobody is given one, whether the caller has used its share.
 */
export function orderRateScript(windowMs: number): string {
  return `${rollingWindowScript(windowMs)}
local mayTake, limit, share = ARGV[1] == '1', tonumber(ARGV[2]), tonumber(ARGV[3])
local allWaiting, ownWaiting, name, caller = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6], ARGV[7]

forget(KEYS[1])
forget(KEYS[2])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', micros(now))
local longestMark = 60000000 + window
-- The clock was set back: nobody counts as waiting for longer than that.
redis.call('ZREMRANGEBYSCORE', KEYS[3], '(' .. micros(now + longestMark), '+inf')

local function freeIn(log, needed, most)
  local held = redis.call('ZCARD', log)
  local index = held + needed - most
  if index < 0 then return 0 end
  if index < held then return leavesIn(log, index) end
  local rounds = 1 + math.floor((index - held) / most)
  return rounds * math.ceil(window / 1000) + leavesIn(log, (index - held) % most)
end

local othersFor = 0
local last = redis.call('ZREVRANGE', KEYS[3], 0, 1, 'WITHSCORES')
if last[1] == caller then last = { last[3], last[4] } end
if last[2] then othersFor = math.ceil((last[2] - now) / 1000) end

local allFree = freeIn(KEYS[1], allWaiting, limit)
local ownFree = math.min(othersFor, freeIn(KEYS[2], ownWaiting, share))
local longest = math.max(allFree, ownFree)
if longest > 0 or not mayTake then
  redis.call('ZADD', KEYS[3], micros(now + math.min(longest * 1000 + window, longestMark)), caller)
  local last = redis.call('ZREVRANGE', KEYS[3], 0, 0, 'WITHSCORES')
  redis.call('PEXPIRE', KEYS[3], math.ceil((last[2] - now) / 1000))
  return { 0, longest, allFree > 0 and 1 or 0, ownFree > 0 and 1 or 0 }
end
for index = 1, 2 do
  redis.call('ZADD', KEYS[index], micros(now), name)
  redis.call('PEXPIRE', KEYS[index], math.ceil(window / 1000))
end
return { 1, 0, 0, 0 }
`
}
