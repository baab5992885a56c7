import { UsageError } from '../../runtime/usage-error.ts'
import type { ReplaySelection } from '../../separation/store/webhook-control.ts'
import type { Command, CommandInput } from '../command.ts'
import { parseDuration } from '../parse-values.ts'

/** Tells settled tasks again. */
export const webhooksReplay: Command = {
  name: 'webhooks-replay',
  summary: 'Send the webhooks of settled tasks again',
  details:
    'Tells the task, or all tasks of a caller that changed within a time, as they are now, to each endpoint that is told of\n' +
    'them. A message about the same revision has the same id, so a receiver that has handled it ignores it. Messages to a\n' +
    'paused endpoint wait until it is resumed.',
  usage: '[task id]',
  args: { min: 0, max: 1 },
  options: {
    owner: { value: '<owner>', help: 'all tasks of this caller, such as key:web, with --since' },
    since: { value: '<time>', help: 'tasks that changed no longer ago than this, such as 15m, 2h or 7d' },
  },
  changes: true,
  async run(input, { store }) {
    const { webhooks: queue, nowMs } = await store()
    const selection = selectionOf(input, nowMs())
    const count = await (input.isDryRun ? queue.countReplayed(selection) : queue.replay(selection, nowMs()))
    const what = input.isDryRun ? 'Messages that would be sent' : 'Messages that are sent now'
    const none = 'Nothing to send: no settled task of these has an endpoint.'
    return {
      text: count === 0 ? none : `${what}: ${count}`,
      json: { isDryRun: input.isDryRun, messages: count },
      isDone: count > 0,
    }
  },
}

function selectionOf(input: CommandInput, nowMs: number): ReplaySelection {
  const [taskId] = input.args
  const owner = input.text('owner')
  const since = input.text('since')
  if (taskId !== undefined && owner === null && since === null) return { taskId }
  if (taskId === undefined && owner !== null && since !== null) {
    return { owner, sinceMs: nowMs - parseDuration(since, 'since') }
  }
  throw new UsageError('Give either a task id, or --owner and --since.')
}
