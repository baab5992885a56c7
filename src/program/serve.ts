import type { Logger } from 'pino'
import { ApiKeysFileError } from '../identity/api-keys.ts'
import type { App, StartApp } from './running-app.ts'
import { createBoundedOutput } from '../runtime/bounded-output.ts'
import { createProgramLog } from './program-log.ts'
import { describeDatabase } from '../stores/database-url.ts'
import { describeError } from '../runtime/describe-error.ts'
import { startMessage } from './start-message.ts'
import type { Config } from '../config/config.ts'

/** One Ctrl-C comes twice through npm, from the terminal and from npm. */
const repeatedSignalMs = 1_000
/** How long the end of the process waits for those who read its output. */
const flushMs = 1_000
const stopSignals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

/** Runs a gateway until a signal ends it, and the process with it. */
export async function serve(config: Config, startApp: StartApp): Promise<void> {
  // What is told to people goes to standard output, the log beside it. Neither ever waits for its reader.
  const output = createBoundedOutput(1)
  const { log, ...logOutput } = createProgramLog(config.logLevel)
  const end = async (code: number): Promise<void> => {
    await Promise.all([output.flush(flushMs), logOutput.flush(flushMs)])
    process.exit(code)
  }
  logNodeWarnings(log, end)

  // One listener from the beginning to the end: a signal that comes while it is exchanged would be lost.
  let stop = (_signal: string): void => void end(0)
  for (const signal of stopSignals) process.on(signal, () => stop(signal))
  // Node would open a debugger, to whoever is on this machine.
  process.on('SIGUSR1', () => log.warn({}, 'SIGUSR1 has no effect: the gateway opens no debugger'))
  let app: App
  try {
    app = await startApp(config, log, { droppedLogLines: logOutput.dropped })
  } catch (error) {
    logOutput.print(`Stemgate could not start: ${startFailure(error, config)}`)
    log.debug({ err: error }, 'could not start')
    return end(1)
  }
  output.write(`${startMessage(app, config)}\n`)

  let stoppingSince: number | null = null
  stop = (signal) => {
    if (stoppingSince !== null) {
      if (performance.now() - stoppingSince > repeatedSignalMs) void end(1)
      return
    }
    stoppingSince = performance.now()
    const delaySeconds = config.shutdownDelayMs / 1000
    log.info(
      { signal, delaySeconds },
      'stopping: after the shutdown delay nothing new is taken, and orders under way are waited for',
    )
    const maxWaitSeconds = Math.ceil(config.submitTimeoutMs / 1000)
    const delay = delaySeconds > 0 ? `everybody is served for ${delaySeconds} s more, then ` : ''
    output.write(
      `  Stopping: ${delay}orders under way are waited for, some ${maxWaitSeconds} s at most. A second signal ends it at once.\n`,
    )
    app.close().then(
      () => end(0),
      (error: unknown) => {
        log.error({ err: error }, 'could not stop cleanly')
        return end(1)
      },
    )
  }
}

/** Node prints through streams that wait for their reader. */
function logNodeWarnings(log: Logger, end: (code: number) => Promise<void>): void {
  process.removeAllListeners('warning')
  process.on('warning', (warning) => log.warn({ err: warning }, 'a warning of Node.js'))
  process.on('uncaughtException', (error, origin) => {
    log.fatal({ err: error, origin }, 'the gateway ends: an error was not caught')
    void end(1)
  })
}

function startFailure(error: unknown, { host, port, admin, database }: Config): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const takenPort = code === 'EADDRINUSE' && error instanceof Error && 'port' in error ? error.port : undefined
  if (admin !== null && takenPort === admin.port)
    return `port ${admin.port} of ${admin.host} is taken. Set ADMIN_PORT to another one, or stop what listens there.`
  if (code === 'EADDRINUSE')
    return `port ${port} of ${host} is taken. Set PORT to another one, or stop what listens there.`
  if (code === 'EACCES' && port < 1024) return `port ${port} may not be listened on. Set PORT to one above 1023.`
  if (error instanceof ApiKeysFileError) return error.message
  return `${describeError(error)} (the database is ${describeDatabase(database)}; LOG_LEVEL=debug tells more)`
}
