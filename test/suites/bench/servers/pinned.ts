import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { promisify } from 'node:util'

const serverCpu = '0'
const loadCpu = '1'

/**
 * Moves this process to a CPU of its own, with everything that it starts except the servers.
 * @returns whether the machine can separate server and load: two CPUs and `taskset`
 */
export async function pinLoad(): Promise<boolean> {
  if (availableParallelism() < 2) return false
  return promisify(execFile)('taskset', ['-acp', loadCpu, String(process.pid)]).then(
    () => true,
    () => false,
  )
}

/** The command line that runs a server on its CPU. */
export function pinned(isPinned: boolean, command: readonly string[]): readonly string[] {
  return isPinned ? ['taskset', '-c', serverCpu, ...command] : command
}
