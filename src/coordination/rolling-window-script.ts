/**
 * How the Redis scripts begin that count within the last `windowMs`, by Redis' own clock. A log is a sorted set of names
 * by the time at which they were added, in microseconds. Taking a name out gives its slot back.
 */
export function rollingWindowScript(windowMs: number): string {
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
