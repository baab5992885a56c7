import type { Config } from '../config/config.ts'
import { isLoopback } from '../runtime/loopback.ts'

/** The warning that the metrics can be read by everyone who can reach ADMIN_PORT; none if they cannot. */
export function openMetricsWarnings({ admin, adminToken }: Pick<Config, 'admin' | 'adminToken'>): readonly string[] {
  return admin !== null && adminToken === null && !isLoopback(admin.host)
    ? ['ADMIN_HOST is not a loopback address: everyone who can reach ADMIN_PORT can read the metrics. Set ADMIN_TOKEN.']
    : []
}
