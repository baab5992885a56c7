import { collectGarbage } from './collect-garbage.ts'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { watchUnread } from './unread.ts'

// Imported into the gateway's process before the gateway; reports what the bench cannot measure from outside.

const resolutionMs = 1
const delays = monitorEventLoopDelay({ resolution: resolutionMs })
delays.enable()
const { look: tellUnread } = watchUnread()
let peakBytes = 0
let busySince = performance.eventLoopUtilization()
setInterval(() => (peakBytes = Math.max(peakBytes, process.memoryUsage.rss())), 100).unref()

process.on('message', (question) => {
  if (question === 'stall') {
    process.send?.(Math.max(0, delays.max / 1e6 - resolutionMs))
    delays.reset()
  } else if (question === 'unread') {
    process.send?.(tellUnread())
  } else if (question === 'busy') {
    process.send?.(performance.eventLoopUtilization(busySince).utilization)
    busySince = performance.eventLoopUtilization()
  } else if (question === 'peak') {
    process.send?.(peakBytes)
    peakBytes = 0
  } else if (question === 'memory') {
    void collectGarbage().then(() => process.send?.(process.memoryUsage().rss))
  }
})

// The gateway alone decides when it ends, unless the bench is broken off.
process.channel?.unref()
process.once('disconnect', () => process.exit())
