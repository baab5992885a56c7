import { UsageError } from '../../runtime/usage-error.ts'
import type { ReplayCounts, ReplaySelection } from '../../separation/store/webhook-control.ts'
import type { Command, CommandInput } from '../command.ts'
import { parseDuration, parseOwnerOption } from '../parse-values.ts'

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
    const selectionAt = parseSelection(input)
    const { isDryRun } = input
    const opened = await store()
    const { webhooks: queue, nowMs } = opened
    const selection = selectionAt(nowMs())
    const { sent, held } = await (isDryRun ? queue.countReplayed(selection) : queue.replay(selection, nowMs()))
    const json = { isDryRun, messages: sent, held }
    if (sent + held > 0) return { text: textOf({ sent, held }, isDryRun), json }
    const isUnknown = 'taskId' in selection && (await opened.find([selection.taskId])).length === 0
    const none = 'Nothing to send: no settled task of these has an endpoint.'
    return { text: isUnknown ? 'There is no such task.' : none, json, isDone: false }
  },
}

function textOf({ sent, held }: ReplayCounts, isDryRun: boolean): string {
  const what = isDryRun ? 'Messages that would be sent' : 'Messages that are sent now'
  const waiting = isDryRun ? 'Messages that would wait' : 'Messages that wait'
  return [
    ...(sent > 0 ? [`${what}: ${sent}`] : []),
    ...(held > 0 ? [`${waiting}, because their endpoint is paused (see webhooks-resume): ${held}`] : []),
  ].join('\n')
}

/** The selection, which depends on the time at which it is used. */
function parseSelection(input: CommandInput): (nowMs: number) => ReplaySelection {
  const [id] = input.args
  const owner = parseOwnerOption(input.text('owner'))
  const since = input.text('since')
  if (id !== undefined && owner === null && since === null) {
    const taskId = id.toLowerCase()
    return () => ({ taskId })
  }
  if (id === undefined && owner !== null && since !== null) {
    const sinceMs = parseDuration(since, 'since')
    return (nowMs) => ({ owner, sinceMs: nowMs - sinceMs })
  }
  throw new UsageError('Give either a task id, or --owner and --since.')
}
