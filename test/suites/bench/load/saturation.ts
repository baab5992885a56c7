import type { ServerProcess } from '../servers/server-process.ts'

/** How busy the load and the server were while something was measured, from 0 to 1. */
export interface Saturation {
  readonly load: number
  readonly server: number
}

export interface SaturationWatch {
  /** Runs a measurement, and keeps how busy both were. */
  during<T>(server: ServerProcess, measure: () => Promise<T>): Promise<T>
  /** A note if the load was the bottleneck in most measurements: the server could then do more than was measured. */
  notes(): readonly string[]
}

const busy = 0.95

export function watchSaturation(): SaturationWatch {
  const seen: Saturation[] = []
  return {
    async during(server, measure) {
      const before = await server.cpuSeconds()
      const own = process.cpuUsage()
      const startedAtMs = performance.now()
      const value = await measure()
      const microseconds = (performance.now() - startedAtMs) * 1_000
      const { user, system } = process.cpuUsage(own)
      const after = await server.cpuSeconds()
      if (before !== null && after !== null) {
        seen.push({ load: (user + system) / microseconds, server: ((after - before) * 1e6) / microseconds })
      }
      return value
    },
    notes() {
      const limited = seen.filter(({ load, server }) => load >= busy && server < busy)
      if (limited.length <= seen.length / 2) return []
      return [
        `The load generator used its whole CPU in ${limited.length} of ${seen.length} measurements, so the server could do more.`,
      ]
    },
  }
}
