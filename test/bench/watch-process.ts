import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'

// Imported before the gateway into its process, where it tells the bench what cannot be seen from outside.

const resolutionMs = 1
const delays = monitorEventLoopDelay({ resolution: resolutionMs })
delays.enable()

process.on('message', (question) => {
  if (question === 'stall') {
    process.send?.(Math.max(0, delays.max / 1e6 - resolutionMs))
    delays.reset()
  } else if (question === 'memory') {
    void collectGarbage().then(() => process.send?.(process.memoryUsage().rss))
  }
})

// The gateway alone decides when it ends.
process.channel?.unref()

/** Several times, for what is only let go at the end of a turn. */
async function collectGarbage(): Promise<void> {
  for (let round = 0; round < 5; round++) {
    globalThis.gc?.()
    await delay(50)
  }
}
