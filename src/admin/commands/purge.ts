import { counted } from '../../runtime/counted.ts'
import { UsageError } from '../../runtime/usage-error.ts'
import { createPace } from '../../separation/purge/pace.ts'
import { purge as purgeTasks, type PurgeCounts } from '../../separation/purge/purge.ts'
import type { Command } from '../command.ts'
import { createDeletionNotes } from '../deletion-notes.ts'
import { openArchivedFiles } from '../open-archived-files.ts'

const dayMs = 24 * 60 * 60_000
/** As for TASKS_KEPT_DAYS. */
const minDays = 31

/** Deletes expired tasks, as gateways with TASKS_KEPT_DAYS do. */
export const purge: Command = {
  name: 'purge',
  summary: 'Delete old tasks for good',
  details:
    'Deletes the tasks to which nothing has happened for so many days, with everything that belongs to them. Keeps those that\n' +
    'are pending, still checked, or may be charged (MAYBE), and those with a webhook still to be delivered. Reads\n' +
    'TASKS_KEPT_DAYS and, for their files, ARCHIVE_URL and what belongs to it. Can be interrupted and run again, and beside\n' +
    'gateways.',
  usage: '',
  args: { min: 0, max: 0 },
  options: {
    'older-than': {
      value: '<days>',
      help: `how many days, at least ${minDays}; by default TASKS_KEPT_DAYS`,
    },
  },
  changes: true,
  async run(input, { store, settings, log, note }) {
    const { config } = await settings()
    const olderMs = olderThanMs(input.text('older-than')) ?? config.tasksKeptMs
    if (olderMs === null) throw new UsageError('Say how old: set TASKS_KEPT_DAYS, or use --older-than <days>.')
    const opened = await store()
    const archive = await openArchivedFiles(config)
    const notes = createDeletionNotes(note)
    const { isDryRun } = input
    const nowMs = opened.nowMs()
    try {
      const options = { store: opened, files: archive?.files ?? null, pace: createPace(), log }
      const counts = await purgeTasks(options, {
        beforeMs: nowMs - olderMs,
        nowMs,
        isDryRun,
        onProgress: notes.show,
      })
      const days = Math.round(olderMs / dayMs)
      return {
        text: [
          `${isDryRun ? 'Would delete' : 'Deleted'} ${counted(counts.deleted, 'task')} older than ${days} days.`,
          ...notes.kept(counts),
          ...keptLines(counts),
        ].join('\n'),
        json: { isDryRun, days, ...counts },
        isDone: counts.busy === 0 && counts.withFiles === 0,
      }
    } finally {
      notes.stop()
      archive?.close()
    }
  },
}

/** What is kept whatever its age. */
function keptLines({ pending, maybe, undelivered }: PurgeCounts): readonly string[] {
  const reasons = [
    [pending, 'they are pending'],
    [maybe, 'they may be charged (MAYBE, see resolve)'],
    [undelivered, 'their webhooks are still to be delivered'],
  ] as const
  return reasons.flatMap(([tasks, reason]) =>
    tasks === 0 ? [] : [`Kept, because ${reason}: ${counted(tasks, 'task')}.`],
  )
}

function olderThanMs(text: string | null): number | null {
  if (text === null) return null
  const days = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (days < minDays || days > 36_500)
    throw new UsageError(`--older-than must be a number of days from ${minDays} to 36500.`)
  return days * dayMs
}
