import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { inject, onTestFinished } from 'vitest'

/**
 * Runs a built program to its end, in an empty folder.
 * @param program its path in `dist/`
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
) {
  const cwd = await mkdtemp(join(tmpdir(), 'stemgate-'))
  onTestFinished(() => rm(cwd, { recursive: true, force: true }))
  const child = spawn(process.execPath, [join(dirname(inject('program')), program), ...args], {
    cwd,
    env: { PATH: process.env['PATH'], PORT: '0', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (data) => (output.stdout += String(data)))
  child.stderr.on('data', (data) => (output.stderr += String(data)))
  const ended = once(child, 'close')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const [code] = await ended
  return { code, ...output, files: await readdir(cwd) }
}
