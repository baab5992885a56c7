import { counted } from '../../runtime/counted.ts'
import { forgetOwner } from '../../separation/purge/forget-owner.ts'
import { createPace } from '../../separation/purge/pace.ts'
import type { OwnedCounts } from '../../separation/store/task-deleter.ts'
import type { Command } from '../command.ts'
import { createDeletionNotes } from '../deletion-notes.ts'
import { openArchivedFiles } from '../open-archived-files.ts'
import { openChanges } from '../open-changes.ts'
import { parseOwner } from '../parse-values.ts'
import { printable } from '../table.ts'

/** Deletes everything of one caller. */
export const forget: Command = {
  name: 'forget',
  summary: 'Delete everything that is stored of a caller, for good',
  details:
    'The caller is the owner of tasks: key:<name>, jwt:<issuer>|<subject>, or anonymous. Remove its key first, or it can\n' +
    'order again. While it has pending tasks, nothing is deleted, unless --including-pending: then their results are lost,\n' +
    'although they may be charged. A hash of each id and idempotency key remains, so that nothing is paid for twice.\n' +
    'Reads ARCHIVE_URL for files, and REDIS_URL to tell gateways at once. Can be interrupted and run again.',
  usage: '<owner>',
  args: { min: 1, max: 1 },
  options: { 'including-pending': { help: 'delete pending tasks as well' } },
  changes: true,
  async run({ args: [given = ''], isDryRun, has }, { store, settings, log, note }) {
    const owner = parseOwner(given)
    const includesPending = has('including-pending')
    const opened = await store()
    const before = await opened.countOwned(owner)
    if (before.tasks === 0 && !before.hasOther) {
      return {
        text: `Nothing is stored of ${printable(owner)}.`,
        json: { isDryRun, ...tasksOf(before), deleted: 0, left: 0 },
        isDone: false,
      }
    }
    const isRefused = before.pending > 0 && !includesPending
    if (isDryRun || isRefused) {
      return {
        text: isRefused
          ? `Pending tasks: ${before.pending} of ${before.tasks}, so nothing ${isDryRun ? 'would be' : 'was'} deleted. ` +
            'Wait until they are settled, or use --including-pending: their results are then lost, although they may be charged.'
          : `Would delete ${counted(before.tasks, 'task')}: ${before.pending} of them are pending, and ${before.maybe} are settled and may be charged (MAYBE).`,
        json: { isDryRun, ...tasksOf(before), deleted: 0, left: before.tasks },
        isDone: !isRefused,
      }
    }
    const { config } = await settings()
    const archive = await openArchivedFiles(config)
    const changes = await openChanges(config, opened, log)
    const notes = createDeletionNotes(note)
    try {
      const options = { store: opened, changes, files: archive?.files ?? null, pace: createPace(), log }
      const counts = await forgetOwner(options, owner, { includesPending, onProgress: notes.show })
      const left = await opened.countOwned(owner)
      return {
        text: [
          `Deleted ${counted(counts.deleted, 'task')}.`,
          ...notes.kept(counts),
          ...(left.tasks > 0 ? [`Left: ${counted(left.tasks, 'task')}. Run this again.`] : []),
          'Backups and logs still hold what they held.',
        ].join('\n'),
        json: { isDryRun, ...tasksOf(before), ...counts, left: left.tasks },
        isDone: left.tasks === 0,
      }
    } finally {
      notes.stop()
      archive?.close()
      await changes.close()
    }
  },
}

/** The tasks before anything is deleted. */
function tasksOf({ tasks, pending, maybe }: OwnedCounts) {
  return { tasks, pending, maybe }
}
