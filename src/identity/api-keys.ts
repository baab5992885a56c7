import { timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { describeKeysFileError, parseApiKeysFile, type ApiKey, type KeysFileRules } from './parse-api-keys.ts'
import { unauthenticated, type IdentifyResult } from './session.ts'
import { createStoredKey, digestOf, type StoredKey } from './stored-key.ts'
import { derived } from '../runtime/derived.ts'
import type { Log } from '../runtime/log.ts'
import { withDefaultBudgets, type Budget, type CallerLimits } from '../separation/caller-limits.ts'

export interface ApiKeys {
  /** Identifies the caller with this key; null if the key is unknown. */
  find(key: string): IdentifyResult | null
  /** Whether the keys of API_KEYS_FILE in use are those that it holds; null: there is no file. */
  isFileUsable(): boolean | null
  close(): void
}

export interface ApiKeysOptions extends KeysFileRules {
  /** The keys of API_KEYS. */
  readonly keys: readonly ApiKey[]
  /** API_KEYS_FILE, a file with more keys, which is read again when it changes. null: unset. */
  readonly file: string | null
  readonly defaultBudgets: () => readonly Budget[]
  /** See `StoredKeyOptions`. */
  readonly onUse: (owner: string, fingerprint: string) => void
  readonly log: Log
}

const expired = unauthenticated('The API key has expired. Ask the operator for a new one.')

/** API_KEYS_FILE is unusable at the start. The message says why, without the text of a key. */
export class ApiKeysFileError extends Error {
  override readonly name = 'ApiKeysFileError'
}

/** How often the file is read, in milliseconds: a removed key stops working within 1 second. */
const pollIntervalMs = 400
/** How long the file must stay unchanged before it is used, in milliseconds: a write may be in progress. */
const settleMs = 100

/**
 * Finds callers by their keys. Keeps only digests of the keys. Throws ApiKeysFileError if the file is unusable at the start.
 * If it becomes unusable later, its previous keys stay valid. Each mistake is logged once, and when the file is usable again.
 */
export function openApiKeys(options: ApiKeysOptions): ApiKeys {
  const { keys, file, defaultBudgets, onUse, log } = options
  const fixed = keys.map(newKey)
  const parse = (fileText: string) => parseApiKeysFile(fileText, keys, options)
  const first = file === null ? { text: '', keys: [] } : readFirst(file, parse)
  /** The content whose keys are in use. */
  let { text } = first
  let fromFile = first.keys.map(newKey)
  /** Why the file is unusable now; null: it is usable. */
  let mistake: string | null = null
  let isPolling = false
  const polling = file === null ? undefined : setInterval(() => void poll(file), pollIntervalMs).unref()

  async function poll(path: string): Promise<void> {
    if (isPolling) return
    isPolling = true
    try {
      const newText = await readFile(path, 'utf8').catch(() => null)
      if (newText === text) return noteUsable()
      // The file may be replaced at this moment, and be missing or empty in between.
      await sleep(settleMs)
      if (newText !== (await readFile(path, 'utf8'))) return
      const next = parse(newText)
      noteUsable()
      update(newText, next)
    } catch (error) {
      noteUnusable(describeKeysFileError(error))
    } finally {
      isPolling = false
    }
  }

  function noteUsable(): void {
    if (mistake === null) return
    mistake = null
    log.info({ event: 'keys.usable' }, 'API_KEYS_FILE is usable again')
  }

  function noteUnusable(newMistake: string): void {
    if (newMistake === mistake) return
    mistake = newMistake
    log.error({ event: 'keys.unusable', mistake }, 'API_KEYS_FILE is unusable; its previous keys stay valid')
  }

  function newKey(key: ApiKey): StoredKey {
    return createStoredKey(key, {
      appliedLimits: (limits: CallerLimits) =>
        derived(defaultBudgets, (defaults) => withDefaultBudgets(limits, defaults)),
      onUse,
      onExpired: (name) => log.warn({ event: 'keys.expired', caller: name }, 'an API key has expired'),
    })
  }

  function update(newText: string, keysInText: readonly ApiKey[]): void {
    const next = keysInText.map((key) => keptKey(key) ?? newKey(key))
    const removed = fromFile.filter((key) => !next.includes(key))
    text = newText
    fromFile = next
    log.info({ event: 'keys.reloaded', keys: next.length, removed: removed.length }, 'API_KEYS_FILE was reloaded')
    for (const key of removed) key.end()
  }

  /** A key that is in use already, with what it allows now. Its sessions go on. */
  function keptKey(key: ApiKey): StoredKey | undefined {
    const digest = digestOf(key.key)
    const stored = fromFile.find(({ name, digest: other }) => name === key.name && other.equals(digest))
    if (stored === undefined || stored.session.hasEnded()) return undefined
    stored.change(key)
    return stored
  }

  return {
    find(key) {
      const digest = digestOf(key)
      // Compares every key, so that the response time does not reveal which one matched.
      const [found] = [...fixed, ...fromFile].filter((stored) => timingSafeEqual(stored.digest, digest))
      if (found === undefined) return null
      return found.hasExpired() ? expired : { session: found.session }
    },
    isFileUsable: () => (file === null ? null : mistake === null),
    close() {
      clearInterval(polling)
      for (const key of [...fixed, ...fromFile]) key.end()
    },
  }
}

function readFirst(
  path: string,
  parse: (text: string) => readonly ApiKey[],
): { readonly text: string; readonly keys: readonly ApiKey[] } {
  try {
    const text = readFileSync(path, 'utf8')
    return { text, keys: parse(text) }
  } catch (error) {
    // Without the error as the cause, whose message may contain the path.
    throw new ApiKeysFileError(describeKeysFileError(error))
  }
}
