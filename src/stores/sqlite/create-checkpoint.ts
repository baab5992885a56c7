import type { Log } from '../../runtime/log.ts'
import type { SqliteFile } from './sqlite-file.ts'

/**
 * Writes committed pages from the log to the database file, as far as nobody is in the way. Never throws: what is committed stays
 * in the log, and a later checkpoint writes it.
 */
export function createCheckpoint(file: Pick<SqliteFile, 'prepare'>, log?: Pick<Log, 'debug'>): () => void {
  return function checkpoint() {
    try {
      file.prepare('pragma wal_checkpoint(passive)').all([])
    } catch (error) {
      log?.debug({ err: error }, 'the log of the database file could not be written to it yet')
    }
  }
}
