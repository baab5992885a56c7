import type { CallerLimits } from '../separation/caller-limits.ts'

/** What is wrong with a URL of webhooks, as a clause that repeats nothing of it; null if messages may be sent to it. */
export type MistakeInWebhook = (url: string) => string | null

/** What is wrong with the webhooks of callers. Repeats no URL: its path and its query may be secrets. */
export function webhookMistakes(
  callers: readonly { readonly name: string; readonly limits: Pick<CallerLimits, 'webhookUrl'> }[],
  mistakeInWebhook: MistakeInWebhook,
): readonly string[] {
  const mistakes = callers.flatMap(({ name, limits }) => {
    const mistake = limits.webhookUrl === null ? null : mistakeInWebhook(limits.webhookUrl)
    return mistake === null ? [] : [`the webhook of ${name} ${mistake}, unless WEBHOOK_HOSTS_ALLOWED has its host`]
  })
  // A caller may have several keys.
  return [...new Set(mistakes)]
}
