import { parseConfig, type Config } from '../../src/config/config.ts'

/** Reads an environment as the program does, but accepts times below an operator's minimum, so that tests do not wait for minutes. */
export function parseImpatiently(environment: Readonly<Record<string, string>>): Config {
  const {
    CHECK_INTERVAL_SECONDS,
    SUBMIT_TIMEOUT_SECONDS,
    UNCONFIRMED_AFTER_SECONDS,
    GIVE_UP_AFTER_SECONDS,
    FAILURE_GRACE_SECONDS,
    ...unhurried
  } = environment
  const config = parseConfig(unhurried)
  const inMs = (seconds: string | undefined, usualMs: number) =>
    seconds === undefined ? usualMs : Number(seconds) * 1_000
  return {
    ...config,
    checkIntervalMs: inMs(CHECK_INTERVAL_SECONDS, config.checkIntervalMs),
    submitTimeoutMs: inMs(SUBMIT_TIMEOUT_SECONDS, config.submitTimeoutMs),
    unconfirmedAfterMs: inMs(UNCONFIRMED_AFTER_SECONDS, config.unconfirmedAfterMs),
    giveUpAfterMs: inMs(GIVE_UP_AFTER_SECONDS, config.giveUpAfterMs),
    failureGraceMs: inMs(FAILURE_GRACE_SECONDS, config.failureGraceMs),
  }
}
