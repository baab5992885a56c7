import { isatty } from 'node:tty'
import type { Logger } from 'pino'
import { ApiKeysFileError } from '../identity/api-keys.ts'
import type { App, StartApp } from './running-app.ts'
import { createBoundedOutput } from '../runtime/bounded-output.ts'
import { createProgramLog } from './program-log.ts'
import { describeDatabase } from '../stores/database/database-url.ts'
import { describeError } from '../runtime/describe-error.ts'
import { openMetricsWarnings } from './open-metrics-warnings.ts'
import { startMessage } from './start-message.ts'
import type { Config } from '../config/config.ts'
import type { Settings } from '../config/settings.ts'
import type { EnvironmentSource } from './environment-source.ts'
import { createReload } from './reload.ts'

/** npm delivers one Ctrl-C twice, from the terminal and from itself: a second signal within this time is ignored. */
const repeatedSignalMs = 1_000
/** How long a stop may take before a message says what it waits for. */
const waitNoticeMs = 500
/** How long the exit waits for the output to be read. */
const flushTimeoutMs = 1_000
const stopSignals = ['SIGTERM', 'SIGINT'] as const

/**
 * Runs a gateway until a signal stops it, then exits the process. SIGHUP stops a gateway on a terminal, because the terminal
 * was closed; without a terminal, it reloads the settings.
 */
export async function serve(settings: Settings, source: EnvironmentSource, startApp: StartApp): Promise<void> {
  const { config } = settings
  // Messages for people go to standard output, the log to standard error. Neither blocks on its reader.
  const output = createBoundedOutput(1)
  const { log, ...logOutput } = createProgramLog({
    level: config.logLevel,
    format: config.logFormat,
    instance: config.instance,
  })
  const end = async (code: number): Promise<void> => {
    await Promise.all([output.flush(flushTimeoutMs), logOutput.flush(flushTimeoutMs)])
    process.exit(code)
  }
  logNodeWarnings(log, end)

  // One listener for the whole run: a signal that arrives while listeners are exchanged would be lost.
  let stop = (_signal: string): void => void end(0)
  for (const signal of stopSignals) process.on(signal, () => stop(signal))
  let isReloadWanted = false
  let reload = (): void => void (isReloadWanted = true)
  // Asked now: a terminal that was closed is none any more.
  const hasTerminal = [0, 1, 2].some(isatty)
  process.on('SIGHUP', () => (hasTerminal ? stop('SIGHUP') : reload()))
  // By default, Node opens a debugger that every user of this machine can reach.
  process.on('SIGUSR1', () => log.warn({}, 'SIGUSR1 is ignored: the gateway opens no debugger'))
  let app: App
  try {
    app = await startApp(config, log, { droppedLogLines: logOutput.dropped })
  } catch (error) {
    logOutput.print(`Stemgate could not start: ${startFailure(error, config)}`)
    log.debug({ err: error }, 'could not start')
    return end(1)
  }
  output.write(`${startMessage(app, config)}\n`)
  let hasToken = config.adminToken !== null
  let { logLevel } = config
  const apply = (next: Config) => {
    logLevel = next.logLevel
    logOutput.showFrom(logLevel)
    app.reconfigure(next)
    if (hasToken) for (const warning of openMetricsWarnings(next)) log.warn({ variables: ['ADMIN_TOKEN'] }, warning)
    hasToken = next.adminToken !== null
  }
  const reloading = createReload({ source, settings, apply, onLogged: () => logOutput.setLevel(logLevel), log })
  reloading.watch()
  reload = () => void reloading.now()
  // SIGHUP has arrived during the start.
  if (isReloadWanted) reload()

  let stoppedAtMs: number | null = null
  stop = (signal) => {
    if (stoppedAtMs !== null) {
      if (performance.now() - stoppedAtMs > repeatedSignalMs) void end(1)
      return
    }
    stoppedAtMs = performance.now()
    const delaySeconds = config.shutdownDelayMs / 1000
    log.info(
      { event: 'gateway.stopping', signal, delaySeconds },
      'stopping: after the shutdown delay the gateway accepts nothing new and waits for running orders',
    )
    output.write(delaySeconds > 0 ? `  Stopping after ${delaySeconds} s.\n` : '  Stopping.\n')
    const maxWaitSeconds = Math.ceil(config.submitTimeoutMs / 1000)
    setTimeout(() => {
      output.write(`  Waiting for running orders, about ${maxWaitSeconds} s at most. A second signal stops at once.\n`)
    }, config.shutdownDelayMs + waitNoticeMs)
    app.close().then(
      () => end(0),
      (error: unknown) => {
        log.error({ event: 'gateway.stop-failed', err: error }, 'could not stop cleanly')
        return end(1)
      },
    )
  }
}

/** Logs warnings and uncaught errors, because Node would print them through streams that block on their reader. */
function logNodeWarnings(log: Logger, end: (code: number) => Promise<void>): void {
  process.removeAllListeners('warning')
  process.on('warning', (warning) => log.warn({ err: warning }, 'Node.js warning'))
  process.on('uncaughtException', (error, origin) => {
    log.fatal({ event: 'gateway.crashed', err: error, origin }, 'the gateway exits: an error was not caught')
    void end(1)
  })
}

function startFailure(error: unknown, { host, port, admin, database }: Config): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const takenPort = code === 'EADDRINUSE' && error instanceof Error && 'port' in error ? error.port : undefined
  if (admin !== null && takenPort === admin.port)
    return `port ${admin.port} on ${admin.host} is in use. Set ADMIN_PORT to a free port, or stop the process that uses it.`
  if (code === 'EADDRINUSE')
    return `port ${port} on ${host} is in use. Set PORT to a free port, or stop the process that uses it.`
  if (code === 'EACCES' && port < 1024) return `port ${port} needs privileges. Set PORT to a port above 1023.`
  if (error instanceof ApiKeysFileError) return error.message
  return `${describeError(error)} (the database is ${describeDatabase(database)}; for details set LOG_LEVEL=debug)`
}
