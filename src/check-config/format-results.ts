import { counted } from '../runtime/counted.ts'
import type { CheckResult } from './check.ts'

/** The results as lines for people, or as one JSON object. */
export function formatResults(results: readonly CheckResult[], form: 'text' | 'json'): string {
  const count = (status: CheckResult['status']) => results.filter((result) => result.status === status).length
  const [errors, warnings] = [count('error'), count('warning')]
  if (form === 'json') return JSON.stringify({ ok: errors === 0, errors, warnings, checks: results }, null, 2)
  const width = Math.max(...results.map(({ check }) => check.length))
  const lines = results.map(({ status, check, message }) => `${status.padEnd(7)}  ${check.padEnd(width)}  ${message}`)
  const verdict = errors === 0 ? 'A gateway can start with this configuration' : 'This configuration has mistakes'
  return [...lines, '', `${verdict}: ${counted(errors, 'error')}, ${counted(warnings, 'warning')}.`].join('\n')
}
