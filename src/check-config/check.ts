import { describeError } from '../runtime/describe-error.ts'
import { withTimeout } from '../runtime/with-timeout.ts'

/** What came of a check. An `error` stops the start, or orders fail; a `warning` is probably not what the operator wants. */
export interface Finding {
  readonly status: 'ok' | 'warning' | 'error'
  /** Contains no secret. */
  readonly message: string
}

/** One check of the configuration. It changes nothing. */
export interface Check {
  /** One word, such as `database`. */
  readonly name: string
  run(): Promise<Finding>
}

export interface CheckResult extends Finding {
  readonly check: string
}

/** The longest time that a check may take, in milliseconds. */
const maxCheckMs = 8_000

export const ok = (message: string): Finding => ({ status: 'ok', message })
export const warning = (message: string): Finding => ({ status: 'warning', message })
export const error = (message: string): Finding => ({ status: 'error', message })

/** Runs all checks at the same time. Resolves to their results, in order. Never rejects. */
export function runChecks(checks: readonly Check[]): Promise<readonly CheckResult[]> {
  return Promise.all(checks.map(async (check) => ({ check: check.name, ...(await runInTime(check)) })))
}

async function runInTime(check: Check): Promise<Finding> {
  try {
    return (await withTimeout(maxCheckMs, check.run())) ?? error(`there was no answer within ${maxCheckMs / 1_000} s`)
  } catch (failure) {
    return error(describeError(failure))
  }
}
