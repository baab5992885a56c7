import { UsageError } from '../../runtime/usage-error.ts'
import type { Pause } from '../../separation/store/operator-store.ts'
import type { Command } from '../command.ts'
import { timeOf } from '../describe-task.ts'
import { parseProvider } from '../parse-values.ts'
import { formatTable } from '../table.ts'

const maxReasonLength = 200

/** Stops the orders to a provider. */
export const pause: Command = {
  name: 'pause',
  summary: 'Give a provider no new orders until it is resumed, or show which are paused',
  details:
    'Every gateway refuses new orders for the provider within two seconds, before they are stored or charged\n' +
    '(ProviderUnavailableError). Orders that are queued wait. Checks and callbacks go on, so that no result is lost.\n' +
    'Without a provider, lists the pauses. The reason is for operators: callers do not see it.',
  usage: '[<provider>]',
  args: { min: 0, max: 1 },
  options: { reason: { value: '<text>', help: 'why, for the log and for this list' } },
  changes: true,
  async run({ args: [name], text, isDryRun }, { store }) {
    const reason = parseReason(text('reason'))
    if (name === undefined) {
      if (reason !== null || isDryRun) throw new UsageError('Which provider? Give its name.')
      const { operator } = await store()
      return listOf(await operator.pauses())
    }
    const provider = parseProvider(name)
    const { operator, nowMs } = await store()
    const earlier = (await operator.pauses()).find((each) => each.provider === provider)
    const pausedAtMs = earlier?.pausedAtMs ?? nowMs()
    if (!isDryRun) await operator.pause({ provider, reason, pausedAtMs })
    const since = earlier === undefined ? '' : ` It was paused already, since ${timeOf(pausedAtMs)}.`
    const done = isDryRun
      ? `${provider} would be paused.${since} Nothing was changed.`
      : `${provider} is paused: every gateway refuses new orders within two seconds.${since}`
    const json = {
      provider,
      isPaused: !isDryRun || earlier !== undefined,
      reason,
      pausedAt: timeOf(pausedAtMs),
      isDryRun,
    }
    return { text: done, json }
  },
}

function parseReason(text: string | null): string | null {
  if (text !== null && (text.length > maxReasonLength || /\p{Cc}/u.test(text))) {
    throw new UsageError(`--reason must be one line of at most ${maxReasonLength} characters.`)
  }
  return text
}

function listOf(pauses: readonly Pause[]) {
  const columns = [{ title: 'PROVIDER' }, { title: 'PAUSED' }, { title: 'REASON' }]
  const rows = pauses.map(({ provider, pausedAtMs, reason }) => [provider, timeOf(pausedAtMs), reason])
  return {
    text: pauses.length === 0 ? 'No provider is paused.' : formatTable(columns, rows),
    json: pauses.map(({ provider, pausedAtMs, reason }) => ({ provider, pausedAt: timeOf(pausedAtMs), reason })),
  }
}
