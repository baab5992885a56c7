import { LRUCache } from 'lru-cache'

/** The sizes of files whose servers do not say them, in bytes, by the provider's address. */
export interface FileSizes {
  /** null until the file was seen whole. */
  find(url: string): number | null
  learn(url: string, size: number): void
}

const maxFiles = 10_000

export function createFileSizes(): FileSizes {
  const sizes = new LRUCache<string, number>({ max: maxFiles })
  return {
    find: (url) => sizes.get(url) ?? null,
    learn: (url, size) => void sizes.set(url, size),
  }
}
