import { createHash, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseApiKeysFile, type ApiKey } from './parse-api-keys.ts'
import type { Session } from './session.ts'
import type { Log } from '../runtime/log.ts'

export interface ApiKeys {
  /** The session of whoever has this key; null if it is nobody's. */
  find(key: string): Session | null
  close(): void
}

export interface ApiKeysOptions {
  /** Those that stand in the environment. */
  readonly keys: readonly ApiKey[]
  /** A file with more of them, read again when it changes; null: there is none. */
  readonly file: string | null
  readonly log: Log
}

interface Held {
  readonly name: string
  readonly digest: Buffer
  /** null once the key is good no longer. */
  listeners: Set<() => void> | null
}

/** The file cannot be used from the beginning. The message says why, and names no key. */
export class ApiKeysFileError extends Error {
  override readonly name = 'ApiKeysFileError'
}

/** How often the file is looked at, in milliseconds: who is no longer in it is out within a second. */
const pollIntervalMs = 400
/** How long the file has to stay as it is before it is believed: whoever writes it may be half-way. */
const settleMs = 100

/**
 * Callers by their keys, of which only digests are kept. Throws ApiKeysFileError if the file cannot be used at the
 * beginning. If that happens later, what it said before still holds and the log says so.
 */
export function openApiKeys({ keys, file, log }: ApiKeysOptions): ApiKeys {
  const fixed = keys.map(held)
  const first = file === null ? { text: '', keys: [] } : readFirst(file, keys)
  let { text } = first
  let fromFile = first.keys.map(held)
  let hasLoggedError = false
  let isPolling = false
  const polling = file === null ? undefined : setInterval(() => void poll(file), pollIntervalMs).unref()

  async function poll(path: string): Promise<void> {
    if (isPolling) return
    isPolling = true
    try {
      const now = await readFile(path, 'utf8')
      if (now !== text) {
        await sleep(settleMs)
        if (now === (await readFile(path, 'utf8'))) exchange(now)
      }
      hasLoggedError = false
    } catch (error) {
      if (!hasLoggedError)
        log.error({ err: error }, 'API_KEYS_FILE cannot be used: the keys that it held stay as they were')
      hasLoggedError = true
    } finally {
      isPolling = false
    }
  }

  function exchange(now: string): void {
    const next = parseApiKeysFile(now, keys).map((key) => findHeld(fromFile, key) ?? held(key))
    const gone = fromFile.filter((each) => !next.includes(each))
    text = now
    fromFile = next
    log.info({ keys: next.length, removed: gone.length }, 'API_KEYS_FILE has been read again')
    for (const key of gone) {
      const listeners = key.listeners ?? []
      key.listeners = null
      for (const listener of listeners) listener()
    }
  }

  return {
    find(key) {
      const digest = digestOf(key)
      // Every key is compared, so that the time tells nothing of which one it was.
      const [found] = [...fixed, ...fromFile].filter((each) => timingSafeEqual(each.digest, digest))
      if (found === undefined) return null
      return {
        owner: `key:${found.name}`,
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
    throw new ApiKeysFileError(`API_KEYS_FILE cannot be used: ${reason}`, { cause: error })
  }
}

function held({ name, key }: ApiKey): Held {
  return { name, digest: digestOf(key), listeners: new Set() }
}

/** What is held already goes on, with those who listen. */
function findHeld(all: readonly Held[], { name, key }: ApiKey): Held | undefined {
  const digest = digestOf(key)
  return all.find((each) => each.name === name && each.digest.equals(digest))
}

function digestOf(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}
