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
  /** Whether another check says the same if there is no answer in time. Default: false. */
  readonly isSilentWithoutAnswer?: boolean
  /** null: there is nothing to say. */
  run(): Promise<Finding | null>
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
export async function runChecks(checks: readonly Check[]): Promise<readonly CheckResult[]> {
  return (await Promise.all(checks.map(resultsOf))).flat()
}

async function resultsOf({ name, run, isSilentWithoutAnswer = false }: Check): Promise<readonly CheckResult[]> {
  try {
    const ended = await withTimeout(
      maxCheckMs,
      run().then((finding) => ({ finding })),
    )
    if (ended === null && isSilentWithoutAnswer) return []
    if (ended === null) return [{ check: name, ...error(`there was no answer within ${maxCheckMs / 1_000} s`) }]
    return ended.finding === null ? [] : [{ check: name, ...ended.finding }]
  } catch (failure) {
    return [{ check: name, ...error(describeError(failure)) }]
  }
}
