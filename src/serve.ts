import { pino } from 'pino'
import { ApiKeysFileError } from './identity/api-keys.ts'
import { startApp, type App } from './app.ts'
import { nameOfDatabase } from './stores/database-url.ts'
import { reasonOf } from './reason-of.ts'
import { welcome } from './welcome.ts'
import type { Config } from './config.ts'

/** One Ctrl-C comes twice through npm, from the terminal and from npm. */
const echoMs = 1_000

/** Runs a gateway until a signal ends it, and the process with it. */
export async function serve(config: Config): Promise<void> {
  // What is told to people goes to standard output, the log beside it.
  const log = pino({ level: config.logLevel, base: null }, pino.destination({ dest: 2, sync: true }))
  // One listener from the beginning to the end: a signal that comes while it is exchanged would be lost.
  let stop = (_signal: string): void => process.exit(0)
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => stop(signal))
  let app: App
  try {
    app = await startApp(config, log)
  } catch (error) {
    console.error(`Stemgate could not start: ${whyNot(error, config)}`)
    log.debug({ err: error }, 'could not start')
    process.exitCode = 1
    return
  }
  console.log(welcome(app, config))

  let stoppingSince: number | null = null
  stop = (signal) => {
    if (stoppingSince !== null) {
      if (performance.now() - stoppingSince > echoMs) process.exit(1)
      return
    }
    stoppingSince = performance.now()
    log.info({ signal }, 'stopping: nothing new is taken, orders under way are waited for')
    const longest = Math.ceil(config.submitTimeoutMs / 1000)
    console.log(
      `  Stopping: orders under way are waited for, some ${longest} s at most. A second signal ends it at once.`,
    )
    app.close().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'could not stop cleanly')
        process.exit(1)
      },
    )
  }
}

function whyNot(error: unknown, { host, port, admin, database }: Config): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const takenPort = code === 'EADDRINUSE' && error instanceof Error && 'port' in error ? error.port : undefined
  if (admin !== null && takenPort === admin.port)
    return `port ${admin.port} of ${admin.host} is taken. Set ADMIN_PORT to another one, or stop what listens there.`
  if (code === 'EADDRINUSE')
    return `port ${port} of ${host} is taken. Set PORT to another one, or stop what listens there.`
  if (code === 'EACCES' && port < 1024) return `port ${port} may not be listened on. Set PORT to one above 1023.`
  if (error instanceof ApiKeysFileError) return error.message
  return `${reasonOf(error)} (the database is ${nameOfDatabase(database)}; LOG_LEVEL=debug tells more)`
}
