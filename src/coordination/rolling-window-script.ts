/**
 * The beginning of the Redis scripts that count within the last `windowMs`, by the clock of Redis. A log is a sorted set of
 * names by the time at which they were added, in microseconds. Removing a name frees its slot.
 */
export function rollingWindowScript(windowMs: number): string {
  return `
local window = ${Math.round(windowMs * 1_000)}
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function micros(number) return string.format('%.0f', number) end

local function forget(log)
  redis.call('ZREMRANGEBYSCORE', log, '-inf', micros(now - window))
  -- Remove times further ahead than a window: they are left from before the clock was set back.
  redis.call('ZREMRANGEBYSCORE', log, '(' .. micros(now + window), '+inf')
end

-- The milliseconds until the entry with this index, counted from the oldest, leaves the log; 0 if there is none.
local function leavesIn(log, index)
  local entry = redis.call('ZRANGE', log, index, index, 'WITHSCORES')
  if entry[2] == nil then return 0 end
  return math.max(1, math.ceil((entry[2] + window - now) / 1000))
end
`
}
