import type { ServerProcess } from '../servers/server-process.ts'

export interface UsageWatch {
  /** Runs a measurement that resolves to a rate per second, and keeps how busy the server and the load were. */
  during(server: ServerProcess, measure: () => Promise<number>): Promise<number>
  /**
   * The CPU time of the server for each unit of the rate, in microseconds, for each measurement but the first. It hardly
   * depends on what else runs on the machine. Empty where the system does not tell.
   */
  cpuPerUnit(server: ServerProcess): readonly number[]
  /** A note if the load was the bottleneck in most measurements: the servers could then do more than was measured. */
  notes(): readonly string[]
}

interface Usage {
  readonly server: ServerProcess
  readonly cpuPerUnit: number
  /** From 0 to 1. */
  readonly loadShare: number
  readonly serverShare: number
}

const busy = 0.95

export function watchUsage(): UsageWatch {
  const seen: Usage[] = []
  return {
    async during(server, measure) {
      const before = await server.cpuSeconds()
      const own = process.cpuUsage()
      const startedAtMs = performance.now()
      const rate = await measure()
      const microseconds = (performance.now() - startedAtMs) * 1_000
      const { user, system } = process.cpuUsage(own)
      const after = await server.cpuSeconds()
      if (before !== null && after !== null) {
        const used = (after - before) * 1e6
        const cpuPerUnit = used / ((rate * microseconds) / 1e6)
        seen.push({ server, cpuPerUnit, loadShare: (user + system) / microseconds, serverShare: used / microseconds })
      }
      return rate
    },
    cpuPerUnit: (server) =>
      seen
        .filter((usage) => usage.server === server)
        .map(({ cpuPerUnit }) => cpuPerUnit)
        .slice(1),
    notes() {
      const limited = seen.filter(({ loadShare, serverShare }) => loadShare >= busy && serverShare < busy)
      if (limited.length <= seen.length / 2) return []
      return [
        `The load generator used its whole CPU in ${limited.length} of ${seen.length} measurements, so the servers could do more.`,
      ]
    },
  }
}
