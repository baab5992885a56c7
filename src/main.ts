import { pino } from 'pino'
import { startApp, type App } from './app.ts'
import { ConfigError, isLoopback, parseConfig, type Config } from './config.ts'

await main()

async function main(): Promise<void> {
  const config = readConfig()
  if (config === null) {
    process.exitCode = 1
    return
  }
  // What is told to people goes to standard output, the log beside it.
  const log = pino({ level: config.logLevel, base: null }, pino.destination({ dest: 2, sync: true }))
  let app: App
  try {
    app = await startApp(config, log)
  } catch (error) {
    console.error(`Stemgate could not start: ${reasonOf(error, config)}`)
    log.debug({ err: error }, 'could not start')
    process.exitCode = 1
    return
  }
  console.log(welcome(app, config))

  let isStopping = false
  const stop = (signal: string) => {
    if (isStopping) return
    isStopping = true
    log.info({ signal }, 'stopping: nothing new is taken, orders under way are waited for')
    app.close().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'could not stop cleanly')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

function readConfig(): Config | null {
  try {
    return parseConfig(process.env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    console.error(
      `Stemgate cannot start with this environment:\n${error.mistakes.map((each) => `  - ${each}`).join('\n')}`,
    )
    return null
  }
}

function reasonOf(error: unknown, { host, port, databasePath }: Config): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE')
    return `port ${port} of ${host} is taken. Set PORT to another one, or stop what listens there.`
  if (code === 'EACCES' && port < 1024) return `port ${port} may not be listened on. Set PORT to one above 1023.`
  const message = error instanceof Error ? error.message : String(error)
  return `${message} (the database is ${databasePath}; LOG_LEVEL=debug tells more)`
}

function welcome(app: App, config: Config): string {
  const { url, publicUrl, providers } = app
  const isSandbox = providers.includes('sandbox')
  const mutation =
    'mutation { separate(input: { musicTaskId: "my-music", audioId: "done" })' +
    ' { ... on SeparateSuccess { task { id status } } ... on SeparateError { message } } }'
  const lines = [
    '',
    `  Stemgate is listening at ${url}/graphql`,
    '',
    ...(config.graphiql ? [`  GraphiQL      ${url}/graphql   (open it in a browser)`] : []),
    `  Providers     ${providers.map((name) => name.toUpperCase()).join(', ')}${isSandbox ? '   (no key is set: nothing costs anything)' : ''}`,
    `  Callbacks     ${publicUrl}/callbacks/…`,
    `  Tasks         ${config.databasePath}`,
    '',
    '  To try it, paste this into GraphiQL:',
    '',
    `    ${mutation}`,
    '',
    ...warnings(app, config).map((warning) => `  ! ${warning}\n`),
  ]
  return lines.join('\n')
}

function warnings({ publicUrl, providers }: App, config: Config): string[] {
  const isReal = !providers.includes('sandbox')
  return [
    ...(isReal && isLoopback(new URL(publicUrl).hostname)
      ? [
          `Providers cannot reach ${publicUrl}, so no callback will arrive and results are found by asking alone. Set PUBLIC_URL.`,
        ]
      : []),
    ...(config.allowAnonymous
      ? ['ALLOW_ANONYMOUS is on: everybody who reaches this gateway can order separations at your expense.']
      : []),
  ]
}
