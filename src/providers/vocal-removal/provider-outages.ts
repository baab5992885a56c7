import type { Log } from '../../runtime/log.ts'
import { createOutageLog, type OutageLog } from '../../runtime/outage-log.ts'
import type { ProviderName } from '../../separation/task.ts'

/** What a provider may fail at, each as an outage that begins and ends in the log. */
export interface ProviderOutages {
  readonly reachability: OutageLog
  /** Orders may be refused while checks succeed, and the reverse. */
  readonly orderRefusals: OutageLog
  readonly checkRefusals: OutageLog
  readonly unusableAnswers: OutageLog
  /** Logs that orders begin to be paused, or go on. */
  logPause(isPaused: boolean): void
}

export const keyProblem = 'the provider does not accept the API key: check the key'

export function createProviderOutages(
  provider: ProviderName,
  log: Pick<Log, 'info' | 'warn' | 'error'>,
): ProviderOutages {
  const commonWith = (outage: string) => ({ log, detail: { outage, provider } })
  return {
    reachability: createOutageLog({
      ...commonWith('provider-unreachable'),
      level: 'warn',
      downMessage: 'the provider cannot be reached',
      upMessage: 'the provider can be reached again',
    }),
    orderRefusals: createOutageLog({
      ...commonWith('orders-refused'),
      level: 'error',
      downMessage: 'the provider refuses the orders of this gateway: check its API key and base URL',
      upMessage: 'the provider accepts the orders of this gateway again',
    }),
    checkRefusals: createOutageLog({
      ...commonWith('key-refused'),
      level: 'error',
      downMessage: keyProblem,
      upMessage: 'the provider accepts the API key again',
    }),
    unusableAnswers: createOutageLog({
      ...commonWith('checks-inconclusive'),
      level: 'warn',
      downMessage: 'the answers of the provider to checks cannot be used',
      upMessage: 'the answers of the provider to checks can be used again',
    }),
    logPause(isPaused) {
      const detail = { event: isPaused ? 'outage.began' : 'outage.ended', outage: 'orders-paused', provider }
      if (isPaused)
        log.warn(detail, 'the provider does not answer orders: they are refused, or wait, until it answers one')
      else log.info(detail, 'the provider answers orders again')
    },
  }
}
