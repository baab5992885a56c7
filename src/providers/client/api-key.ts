import type { Log } from '../../runtime/log.ts'
import { createOutageLog, type OutageLog } from '../../runtime/outage-log.ts'
import type { ProviderName } from '../../separation/task/provider-name.ts'
import { createBalance, type Balance, type CreditsAnswer } from './balance.ts'

/** One of the operator's API keys at a provider, and what its last answers show of it. */
export interface ApiKey {
  readonly text: string
  /** Its place in the variable, from 1. Logs and metrics name a key by it. */
  readonly position: number
  /** Orders may be refused while checks succeed, and the reverse. */
  readonly orderRefusals: OutageLog
  readonly checkRefusals: OutageLog
  /** Orders that the account of the key could not pay. */
  readonly creditShortage: OutageLog
  readonly balance: Balance
  /** Lets orders try other keys first, for a while. */
  setAside(): void
  /** Ends that: the provider has accepted an order with the key. */
  takeBack(): void
  isSetAside(): boolean
}

export interface ApiKeyOptions {
  readonly provider: ProviderName
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>
  /** How long a key is set aside, in milliseconds. */
  readonly setAsideMs: number
  /** Asks the provider for the balance of the account of a key. Never rejects. */
  readonly askCredits: (key: string) => Promise<CreditsAnswer>
  /** Called after each answer. */
  readonly onCredits: () => void
}

export const keyProblem = 'the provider does not accept the API key: check the key'

export function createApiKey(text: string, position: number, options: ApiKeyOptions): ApiKey {
  const { provider, log, setAsideMs, askCredits, onCredits } = options
  const commonWith = (outage: string) => ({ log, detail: { outage, provider, key: position } })
  let setAsideUntilMs = 0
  return {
    text,
    position,
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
    creditShortage: createOutageLog({
      ...commonWith('credits-used-up'),
      level: 'warn',
      downMessage: 'the account of the API key has too few credits for an order: add credits',
      upMessage: 'the account of the API key pays for orders again',
    }),
    balance: createBalance(() => askCredits(text), onCredits),
    setAside: () => void (setAsideUntilMs = performance.now() + setAsideMs),
    takeBack: () => void (setAsideUntilMs = 0),
    isSetAside: () => performance.now() < setAsideUntilMs,
  }
}
