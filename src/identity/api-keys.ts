import { hash, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseApiKeysFile, type ApiKey } from './parse-api-keys.ts'
import type { Session } from './session.ts'
import type { Log } from '../runtime/log.ts'
import { noLimits, withDefaultBudgets, type Budget } from '../separation/caller-limits.ts'

export interface ApiKeys {
  /** The session of the caller with this key; null if the key is unknown. */
  find(key: string): Session | null
  close(): void
}

export interface ApiKeysOptions {
  /** The keys of API_KEYS. */
  readonly keys: readonly ApiKey[]
  /** API_KEYS_FILE, a file with more keys, which is read again when it changes. null: unset. */
  readonly file: string | null
  readonly defaultBudgets: readonly Budget[]
  readonly log: Log
}

interface StoredKey {
  readonly name: string
  readonly digest: Buffer
  /** null once the key has been removed. */
  listeners: Set<() => void> | null
}

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
 * If it becomes unusable later, its previous keys stay valid and an error is logged.
 */
export function openApiKeys({ keys, file, defaultBudgets, log }: ApiKeysOptions): ApiKeys {
  const limits = withDefaultBudgets(noLimits, defaultBudgets)
  const fixed = keys.map(storedKey)
  const first = file === null ? { text: '', keys: [] } : readFirst(file, keys)
  let { text } = first
  let fromFile = first.keys.map(storedKey)
  let hasLoggedError = false
  let isPolling = false
  const polling = file === null ? undefined : setInterval(() => void poll(file), pollIntervalMs).unref()

  async function poll(path: string): Promise<void> {
    if (isPolling) return
    isPolling = true
    try {
      const newText = await readFile(path, 'utf8')
      if (newText !== text) {
        await sleep(settleMs)
        if (newText === (await readFile(path, 'utf8'))) update(newText)
      }
      hasLoggedError = false
    } catch (error) {
      if (!hasLoggedError) log.error({ err: error }, 'API_KEYS_FILE is unusable; its previous keys stay valid')
      hasLoggedError = true
    } finally {
      isPolling = false
    }
  }

  function update(newText: string): void {
    const next = parseApiKeysFile(newText, keys).map((key) => findStored(fromFile, key) ?? storedKey(key))
    const removed = fromFile.filter((key) => !next.includes(key))
    text = newText
    fromFile = next
    log.info({ keys: next.length, removed: removed.length }, 'API_KEYS_FILE was reloaded')
    for (const key of removed) {
      const listeners = key.listeners ?? []
      key.listeners = null
      for (const listener of listeners) listener()
    }
  }

  return {
    find(key) {
      const digest = digestOf(key)
      // Compares every key, so that the response time does not reveal which one matched.
      const [found] = [...fixed, ...fromFile].filter((stored) => timingSafeEqual(stored.digest, digest))
      if (found === undefined) return null
      return {
        owner: `key:${found.name}`,
        limits: () => limits,
        hasEnded: () => found.listeners === null,
        onEnd(listener) {
          if (found.listeners === null) listener()
          else found.listeners.add(listener)
          return () => void found.listeners?.delete(listener)
        },
      }
    },
    close: () => clearInterval(polling),
  }
}

function readFirst(
  path: string,
  others: readonly ApiKey[],
): { readonly text: string; readonly keys: readonly ApiKey[] } {
  try {
    const text = readFileSync(path, 'utf8')
    return { text, keys: parseApiKeysFile(text, others) }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ApiKeysFileError(`API_KEYS_FILE is unusable: ${reason}`, { cause: error })
  }
}

function storedKey({ name, key }: ApiKey): StoredKey {
  return { name, digest: digestOf(key), listeners: new Set() }
}

/** Finds a key that is already stored, so that its listeners are kept. */
function findStored(all: readonly StoredKey[], { name, key }: ApiKey): StoredKey | undefined {
  const digest = digestOf(key)
  return all.find((stored) => stored.name === name && stored.digest.equals(digest))
}

function digestOf(key: string): Buffer {
  return hash('sha256', key, 'buffer')
}
