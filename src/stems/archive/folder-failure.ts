import { ArchiveError } from './archive-storage.ts'

/** Does work on files. What it rejects with becomes an ArchiveError that names the folder in these words. */
export async function orFolderError<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'an unknown error'
    throw new ArchiveError(`${folder} cannot be used: ${code}.`, { cause: error })
  }
}
