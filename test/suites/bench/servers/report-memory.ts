import { collectGarbage } from '../collect-garbage.ts'

// Imported into the process of a server before its program: reports the memory that is in use after a garbage collection.

process.on('message', () => {
  void collectGarbage().then(() => {
    const { heapUsed, external } = process.memoryUsage()
    process.send?.(heapUsed + external)
  })
})
// The server alone decides when it ends.
process.channel?.unref()
process.once('disconnect', () => process.exit())
