/**
 * How the Redis scripts begin that count within the last `windowMs`, by Redis' own clock. A log is a sorted set of names
 * by the time at which they were added, in microseconds. Taking a name out gives its slot back.
 */
export function rollingLogStart(windowMs: number): string {
  return `
local window = ${Math.round(windowMs * 1_000)}
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function micros(number) return string.format('%.0f', number) end

local function forget(log)
  redis.call('ZREMRANGEBYSCORE', log, '-inf', micros(now - window))
  -- The clock was set back: nothing that lies further ahead than a window was added by it.
  redis.call('ZREMRANGEBYSCORE', log, '(' .. micros(now + window), '+inf')
end

-- How long until the entry with this index, from the oldest, leaves the log, in milliseconds; 0 if there is none.
local function leavesIn(log, index)
  local entry = redis.call('ZRANGE', log, index, index, 'WITHSCORES')
  if entry[2] == nil then return 0 end
  return math.max(1, math.ceil((entry[2] + window - now) / 1000))
end
`
}
/**
 * A Redis script that takes a place if fewer than `limit` were taken in the last `windowMs`, by Redis' own clock. The key
 * is a sorted set: the names of the places by the time at which they were taken, in microseconds. Taking the name out
 * gives the place back.
 *
 * It is asked as rate-limiter-flexible asks its own script, and answers likewise: KEYS[1] is the log, ARGV[3] the limit;
 * the window stands in the script because the library speaks of whole seconds alone. ARGV[5] may name the place. The
 * answer is how many places were asked for, at most one more than there are, and for how many milliseconds there is none.
 */
export function rollingLog(windowMs: number): string {
  return `
local window = ${Math.round(windowMs * 1_000)}
local limit = tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function micros(number) return string.format('%.0f', number) end

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', micros(now - window))
-- The clock was set back: nothing that lies further ahead than a window was taken by it.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. micros(now + window), '+inf')
local taken = redis.call('ZCARD', KEYS[1])
if taken >= limit then
  local nextToGo = redis.call('ZRANGE', KEYS[1], taken - limit, taken - limit, 'WITHSCORES')
  return { limit + 1, math.max(1, math.ceil((nextToGo[2] + window - now) / 1000)) }
end
local name = ARGV[5] or micros(now)
while redis.call('ZADD', KEYS[1], 'NX', micros(now), name) == 0 do name = name .. '+' end
redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000))
return { taken + 1, 0 }
`
}
