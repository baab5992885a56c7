import type { Command } from '../command.ts'
import { parseProvider } from '../parse-values.ts'

/** Ends a pause. */
export const resume: Command = {
  name: 'resume',
  summary: 'Give a provider that is paused orders again',
  usage: '<provider>',
  args: { min: 1, max: 1 },
  options: {},
  changes: true,
  async run({ args: [name = ''], isDryRun }, { store }) {
    const provider = parseProvider(name)
    const { operator } = await store()
    const wasPaused = isDryRun
      ? (await operator.pauses()).some((each) => each.provider === provider)
      : await operator.resume(provider)
    const json = { provider, wasPaused, isDryRun }
    if (!wasPaused) return { text: `${provider} is not paused.`, json }
    return {
      text: isDryRun
        ? `${provider} would be resumed. Nothing was changed.`
        : `${provider} is resumed: every gateway sends it orders again within two seconds.`,
      json,
    }
  },
}
