import type { Log } from '../../runtime/log.ts'
import { createOutageLog, type OutageLog } from '../../runtime/outage-log.ts'
import type { ProviderName } from '../../separation/task/provider-name.ts'

/** What a provider may fail at, whichever key is used, each as an outage that begins and ends in the log. */
export interface ProviderOutages {
  readonly reachability: OutageLog
  readonly unusableAnswers: OutageLog
  /** Logs that orders begin to be paused, or go on. */
  logPause(isPaused: boolean): void
}

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
