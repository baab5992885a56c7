import { createBoundedMap } from '../../runtime/bounded-map.ts'
import type { CheckAnswer, Provider } from '../../separation/provider.ts'
import type { ApiKey } from '../client/api-key.ts'
import type { ApiKeys } from '../client/api-keys.ts'
import type { ReadRecordInfo } from './read-record-info.ts'
import type { ProviderSpec } from './spec.ts'

/** Reads tasks with the key of the account that they belong to, as far as it is known. */
export interface CheckWithKeys {
  readonly check: Provider['check']
  /** Remembers the key with which a task was ordered. */
  learn(providerTaskId: string, key: ApiKey): void
}

export interface CheckWithKeysOptions {
  readonly spec: Pick<ProviderSpec, 'name'>
  readonly keys: Pick<ApiKeys, 'all' | 'forReads'>
  readonly readRecordInfo: ReadRecordInfo
}

/** How many tasks are remembered. Those that are forgotten cost a read with each key. */
const maxTasks = 20_000

/**
 * Creates the check of a task with several keys. A task of another account is unknown at the provider, so where the key is not
 * known, the keys are tried one after the other: reads cost nothing. The task is not found only if no key finds it.
 */
export function createCheckWithKeys({ spec, keys, readRecordInfo }: CheckWithKeysOptions): CheckWithKeys {
  const keyOf = createBoundedMap<string>(maxTasks)

  /** The key that is known to show the task, or all. */
  function candidatesFor(providerTaskId: string): readonly ApiKey[] {
    const all = keys.forReads()
    const known = keyOf.get(providerTaskId)
    const own = all.find(({ text }) => text === known)
    return own === undefined || own.checkRefusals.isDown() ? all : [own]
  }

  function learn(providerTaskId: string, { text }: ApiKey): void {
    if (keys.all().length > 1) keyOf.set(providerTaskId, text)
  }

  return {
    async check(providerTaskId, onSlot, trace = null) {
      let result: CheckAnswer | null = null
      for (const key of candidatesFor(providerTaskId)) {
        const { answer, mayUseNextKey } = await readRecordInfo(key, providerTaskId, onSlot, trace)
        if (answer.kind === 'found') learn(providerTaskId, key)
        if (!mayUseNextKey) return answer
        // Whether the task exists is not known if one key could not tell.
        if (result === null || result.kind === 'not-found') result = answer
      }
      return result ?? { kind: 'inconclusive', cause: `${spec.name} is off: it has no API key` }
    },
    learn,
  }
}
