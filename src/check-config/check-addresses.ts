import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Config } from '../config/config.ts'
import { checkPublicUrl } from './check-public-url.ts'
import { error, ok, warning, type Check, type Finding } from './check.ts'

/**
 * Checks the ports to listen on, and the address that providers are given for callbacks.
 * @param isNew whether no gateway has used the database yet
 */
export function addressChecks(config: Config, isNew: Promise<boolean>): readonly Check[] {
  const { host, port, admin } = config
  const checkedPort = checkPort('PORT', host, port)
  /** Only once the port is free again: PUBLIC_URL may lead to it. */
  const checkPublicUrlThen = async () => {
    const isFree = (await checkedPort.catch(() => null))?.status === 'ok'
    return checkPublicUrl(config, isFree ? isNew : Promise.resolve(false))
  }
  return [
    { name: 'port', run: () => checkedPort },
    ...(admin === null ? [] : [{ name: 'admin-port', run: () => checkPort('ADMIN_PORT', admin.host, admin.port) }]),
    { name: 'public-url', run: checkPublicUrlThen },
  ]
}

/** Listens for a moment, without serving anything. */
async function checkPort(variable: string, host: string, port: number): Promise<Finding> {
  const server = createServer((socket) => socket.destroy())
  try {
    server.listen(port, host)
    await once(server, 'listening')
    return ok(`${port === 0 ? 'any port' : `port ${port}`} on ${host} is free`)
  } catch (failure) {
    const code = failure instanceof Error && 'code' in failure ? failure.code : undefined
    if (code === 'EADDRINUSE')
      return warning(`port ${port} on ${host} is in use. Is a gateway running? Otherwise change ${variable}`)
    if (code === 'EACCES') return error(`port ${port} on ${host} needs privileges: change ${variable}`)
    throw failure
  } finally {
    server.close()
  }
}
