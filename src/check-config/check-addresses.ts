import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Config } from '../config/config.ts'
import { isLoopback } from '../runtime/loopback.ts'
import { error, ok, warning, type Check, type Finding } from './check.ts'

/** Checks the ports to listen on, and the address that providers are given for callbacks. */
export function addressChecks(config: Config): readonly Check[] {
  const { host, port, admin } = config
  return [
    { name: 'port', run: () => checkPort('PORT', host, port) },
    ...(admin === null ? [] : [{ name: 'admin-port', run: () => checkPort('ADMIN_PORT', admin.host, admin.port) }]),
    { name: 'public-url', run: () => checkPublicUrl(config) },
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

async function checkPublicUrl({ publicUrl, vendors }: Config): Promise<Finding> {
  const isReal = Object.values(vendors).some(({ apiKeys }) => apiKeys.length > 0)
  if (publicUrl === null) {
    return isReal
      ? warning('PUBLIC_URL is not set: no callbacks arrive, and results are found only by polling')
      : ok('PUBLIC_URL is not set: the sandbox reaches the gateway on this machine')
  }
  const { hostname, protocol } = new URL(publicUrl)
  if (isReal && isLoopback(hostname)) return warning(`providers cannot reach ${publicUrl}: no callbacks arrive`)
  const { address } = await lookup(hostname.replace(/^\[(.*)\]$/, '$1'))
  return isReal && protocol === 'http:'
    ? warning(`${publicUrl} (${address}) is not HTTPS: callback addresses are secrets, and travel in clear`)
    : ok(`${publicUrl} (${address})`)
}
