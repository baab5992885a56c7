import { chmod, mkdtemp, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { ifKilled } from './if-killed.ts'

/** Where Linux keeps files in memory. */
const memory = '/dev/shm'
const neededBytes = 2e9

/** Puts the temporary files of a run into memory, if there is room, and removes what its tests may leave behind. */
export default async function useOwnFolder(): Promise<() => Promise<void>> {
  const { bavail, bsize } = await statfs(memory).catch(() => ({ bavail: 0, bsize: 0 }))
  if (process.env['TMPDIR'] !== undefined || bavail * bsize < neededBytes) return async () => {}
  const folder = await mkdtemp(join(memory, 'stemgate-tests-'))
  // Servers that do not run as root have folders in it.
  await chmod(folder, 0o711)
  process.env['TMPDIR'] = folder
  // After what runs in it has ended.
  const forget = ifKilled('sleep 2; rm -rf "$1"', folder)
  return async () => {
    delete process.env['TMPDIR']
    await rm(folder, { recursive: true, force: true })
    forget()
  }
}
