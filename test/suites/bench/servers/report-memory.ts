import { setTimeout as delay } from 'node:timers/promises'

// Imported into the process of a server before its program: tells the memory that is in use once the garbage is collected.

process.on('message', () => {
  void collectGarbage().then(() => {
    const { heapUsed, external } = process.memoryUsage()
    process.send?.(heapUsed + external)
  })
})
// The server alone decides when it ends.
process.channel?.unref()
process.once('disconnect', () => process.exit())

/** Several times, for what is released only at the end of a turn. */
async function collectGarbage(): Promise<void> {
  for (let round = 0; round < 5; round++) {
    globalThis.gc?.()
    await delay(50)
  }
}
