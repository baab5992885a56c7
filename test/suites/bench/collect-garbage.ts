import { setTimeout as delay } from 'node:timers/promises'

/** Collects the garbage of this process (`--expose-gc`) several times: some objects are released only at the end of a turn. */
export async function collectGarbage(): Promise<void> {
  for (let round = 0; round < 5; round++) {
    globalThis.gc?.()
    await delay(50)
  }
}
