import { spawn } from 'node:child_process'
import { once } from 'node:events'

/**
 * Runs a program and gives its standard output. Its standard error is shown only if it fails.
 * @throws if it fails, or takes longer than `seconds`
 */
export async function runCommand(command: string, args: readonly string[], seconds: number): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: seconds * 1_000 })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (data) => (output.stdout += String(data)))
  child.stderr.on('data', (data) => (output.stderr += String(data)))
  const [code, signal] = await once(child, 'close')
  if (code === 0) return output.stdout
  const how = signal === null ? `ended with ${code}` : `was stopped after ${seconds} s`
  throw new Error(`${command} ${args.join(' ')} ${how}:\n${output.stdout.slice(-3_000)}${output.stderr.slice(-3_000)}`)
}
