import { UsageError } from '../../runtime/usage-error.ts'
import type { Command } from '../command.ts'

/** Sends to a paused endpoint again. */
export const webhooksResume: Command = {
  name: 'webhooks-resume',
  summary: 'Send to an endpoint of webhooks again, everything that it was not told',
  details:
    'Ends the pause of the endpoint, and makes all of its undelivered messages due at once, also those of which every attempt\n' +
    'has failed. Their attempts count anew. The command webhooks lists the endpoints.',
  usage: '<endpoint>',
  args: { min: 1, max: 1 },
  options: {},
  changes: true,
  async run({ args: [endpointId = ''], isDryRun }, { store }) {
    const { webhooks: queue, nowMs } = await store()
    const count = await (isDryRun ? queue.countUndelivered(endpointId) : queue.resume(endpointId, nowMs()))
    if (count === null) throw new UsageError('There is no such endpoint. The command webhooks lists them.')
    const what = isDryRun ? 'Messages that would be sent' : 'Messages that are sent now'
    return { text: `${what}: ${count}`, json: { isDryRun, messages: count } }
  },
}
