import { spawn, spawnSync } from 'node:child_process'
import { text } from 'node:stream/consumers'

/** Whether Debian's Prometheus is installed. Without it its tests are skipped, but not in CI. */
export function isPrometheusThere(): boolean {
  if (['promtool', 'prometheus'].every((name) => spawnSync(name, ['--version']).status === 0)) return true
  const reason = "there is no Prometheus: install Debian's prometheus"
  if (process.env['CI'] !== undefined) throw new Error(`The metrics cannot be tested: ${reason}`)
  console.warn(`Skipped the tests with Prometheus: ${reason}`)
  return false
}

/** What `promtool check metrics` says about the text; empty if it has nothing to say. */
export async function checkMetrics(metrics: string): Promise<string> {
  return runPromtool(['check', 'metrics'], metrics)
}

/** Everything that promtool prints. */
export async function runPromtool(args: readonly string[], input = ''): Promise<string> {
  const child = spawn('promtool', args, { stdio: 'pipe' })
  child.stdin.end(input)
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)])
  return output + errors
}
