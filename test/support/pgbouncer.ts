import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Ending } from './gateway.ts'
import { freePort } from './free-port.ts'

/** Debian puts it where only root looks. */
const program = ['pgbouncer', '/usr/sbin/pgbouncer'].find((name) => spawnSync(name, ['--version']).status === 0)
if (program === undefined) {
  const reason = "there is no pgbouncer: install Debian's"
  if (process.env['CI'] !== undefined) throw new Error(`A pooler cannot be tested: ${reason}`)
  console.warn(`Skipped the tests of a pooler: ${reason}`)
}

/** Whether tests can have one. */
export const hasPgBouncer = program !== undefined

/** It does not run as root. */
const nobody = 65_534

/**
 * Starts a PgBouncer that lends its few connections for a transaction each; it ends with the test.
 * @param settings lines of its own for its configuration
 * @returns the URL by which the database is reached through it
 */
export async function startPgBouncer(
  databaseUrl: string,
  settings: string,
  atEnd: Ending = onTestFinished,
): Promise<string> {
  const { hostname, port: serverPort, username, password, pathname } = new URL(databaseUrl)
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-pgbouncer-'))
  const port = await freePort()
  const configuration = join(folder, 'pgbouncer.ini')
  const server = [`host=${hostname}`, `port=${serverPort || 5432}`, `user=${username}`, `password='${password}'`]
  await writeFile(
    configuration,
    `[databases]
${pathname.slice(1)} = ${server.join(' ')}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 5
${settings}
`,
  )
  await chmod(configuration, 0o600)
  const isRoot = process.getuid?.() === 0
  for (const path of isRoot ? [folder, configuration] : []) await chown(path, nobody, nobody)
  const child = spawn(program ?? '', [configuration], {
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(isRoot ? { uid: nobody, gid: nobody } : {}),
  })
  const exit = once(child, 'exit')
  atEnd(async () => {
    child.kill('SIGKILL')
    await exit
    await rm(folder, { recursive: true, force: true })
  })
  let said = ''
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (bytes) => {
      said += String(bytes)
      if (said.includes('process up')) resolve()
    })
    exit.then(() => reject(new Error(`pgbouncer ended:\n${said}`)), reject)
  })
  const url = new URL(databaseUrl)
  url.hostname = '127.0.0.1'
  url.port = String(port)
  return url.href
}
