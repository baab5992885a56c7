import { spawn } from 'node:child_process'
import { Socket } from 'node:net'

/**
 * Runs a line of shell if this process ends in any way, kill -9 included, before the returned function is called.
 * @param args what `$1`, `$2` and so on are in the line
 */
export function ifKilled(line: string, ...args: readonly string[]): () => void {
  // A pipe whose other end is gone can be read to its end. Detached, so that a Ctrl-C does not reach it.
  const guard = spawn('sh', ['-c', `read -r _; ${line}`, 'sh', ...args], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  guard.unref()
  if (guard.stdin instanceof Socket) guard.stdin.unref()
  return () => void guard.kill('SIGKILL')
}
