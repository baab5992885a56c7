const earliestMs = Date.UTC(2015)
const latestMs = Date.UTC(2100)
/** Numbers below this are seconds. */
const minEpochMs = 10_000_000_000
const dateAndTime = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)\s*(?:(Z)|([+-]\d{2}):?(\d{2}))?$/i

/**
 * Reads a provider's time as milliseconds since 1970; null if it cannot be read or is not between 2015 and 2100.
 *
 * Times are documented as date-times, but the examples are epoch milliseconds. Numeric text, epoch seconds, ISO 8601 and
 * `YYYY-MM-DD HH:mm:ss` also occur. A time without a zone counts as UTC (`docs/providers.md, "record-info"`).
 */
export function parseTime(value: unknown): number | null {
  if (typeof value === 'number') return parseEpoch(value)
  if (typeof value !== 'string') return null
  const text = value.trim()
  return /^\d+(\.\d+)?$/.test(text) ? parseEpoch(Number(text)) : parseDateAndTime(text)
}

function parseEpoch(value: number): number | null {
  return plausible(Math.round(value < minEpochMs ? value * 1_000 : value))
}

function parseDateAndTime(text: string): number | null {
  const [, date, time, , hours, minutes] = dateAndTime.exec(text) ?? []
  if (date === undefined || time === undefined || !isCalendarDate(date)) return null
  const zone = hours === undefined ? 'Z' : `${hours}:${minutes}`
  return plausible(Date.parse(`${date}T${time}${zone}`))
}

/** Date.parse reads February 30 as March 2. */
function isCalendarDate(date: string): boolean {
  const ms = Date.parse(`${date}T00:00:00Z`)
  return Number.isFinite(ms) && new Date(ms).toISOString().startsWith(date)
}

function plausible(ms: number): number | null {
  return ms >= earliestMs && ms < latestMs ? Math.trunc(ms) : null
}
