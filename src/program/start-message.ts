import type { App } from './running-app.ts'
import type { Config } from '../config/config.ts'
import { describeArchive } from '../stems/archive/archive-url.ts'
import { urlWithoutPassword, describeDatabase } from '../stores/database/database-url.ts'
import { isLoopback } from '../runtime/loopback.ts'
import { openMetricsWarnings } from './open-metrics-warnings.ts'

/** The message at a start: URLs, how to try the gateway, and warnings. It contains no secret. */
export function startMessage(app: App, config: Config): string {
  const { url, publicUrl, providers } = app
  const isSandbox = providers.includes('sandbox')
  const lines = [
    '',
    `  Stemgate is listening at ${url}/graphql`,
    '',
    ...(config.webPage ? [`  Player page   ${url}/`] : []),
    ...(config.graphiql ? [] : ['  GraphiQL      off   (GRAPHIQL=true turns it on)']),
    `  Providers     ${providers.map((name) => name.toUpperCase()).join(', ')}${isSandbox ? "   (no provider's key is set; nothing is charged)" : ''}`,
    `  Callers       ${callersText(config)}`,
    `  Callbacks     ${publicUrl}/callbacks/…`,
    ...(app.adminUrl === null ? [] : [`  Metrics       ${app.adminUrl}/metrics`]),
    `  Tasks         ${describeDatabase(config.database)}`,
    ...(config.tracing === null ? [] : [`  Traces        ${config.tracing.url}   (OpenTelemetry)`]),
    ...(config.archive === null ? [] : [`  Archive       ${archiveText(config.archive)}`]),
    ...sharedOver(config),
    '',
    ...howToTry(url, {
      isSandbox,
      hasGraphiql: config.graphiql,
      needsKey: hasKnownCallers(config) && !config.allowAnonymous,
    }),
    '',
    ...warnings(app, config).map((warning) => `  ! ${warning}\n`),
  ]
  return lines.join('\n')
}

function archiveText({ location, retentionMs }: NonNullable<Config['archive']>): string {
  const days = Math.round(retentionMs / (24 * 60 * 60_000))
  return `${describeArchive(location)}   (stems are kept ${retentionMs === Infinity ? 'for ever' : `for ${days} days`})`
}

/** The names of the configured callers, without their keys. */
function callersText(config: Config): string {
  const { apiKeys, apiKeysFile, jwt, allowAnonymous } = config
  const known = [
    ...new Set(apiKeys.map(({ name }) => name)),
    ...(apiKeysFile === null ? [] : [`the callers in ${apiKeysFile}`]),
    ...(jwt === null ? [] : [`holders of tokens from ${jwt.issuer}`]),
  ]
  if (known.length === 0) return allowAnonymous ? 'everyone' : 'everyone on this machine'
  return [...known, ...(allowAnonymous ? ['and everyone else'] : [])].join(', ')
}

function hasKnownCallers({ apiKeys, apiKeysFile, jwt }: Config): boolean {
  return apiKeys.length > 0 || apiKeysFile !== null || jwt !== null
}

function howToTry(
  url: string,
  { isSandbox, hasGraphiql, needsKey }: { isSandbox: boolean; hasGraphiql: boolean; needsKey: boolean },
): string[] {
  if (hasGraphiql) {
    return [
      `  To try it, open ${url}/graphql in a browser and press play in the tab Separate, then in Watch.`,
      ...(isSandbox ? [] : ['  Fill in your own ids first: the provider charges for the order.']),
      ...(needsKey ? ['  Put {"Authorization": "Bearer <key>"} into Headers.'] : []),
    ]
  }
  const [musicTaskId, audioId] = isSandbox ? ['my-music', 'done'] : ['<id of the music task>', '<id of the track>']
  const query =
    `mutation { separate(input: { musicTaskId: "${musicTaskId}", audioId: "${audioId}" })` +
    ' { ... on SeparateSuccess { task { id status } } ... on SeparateError { message } } }'
  const withIds = isSandbox ? '' : ' with your own ids (the provider charges for it)'
  const header = needsKey ? " -H 'authorization: Bearer <key>'" : ''
  return [
    `  To try it, run this in a shell${withIds}:`,
    '',
    `    curl -s ${url}/graphql -H 'content-type: application/json'${header} -d '${JSON.stringify({ query })}'`,
  ]
}

function sharedOver({ database, redisUrl }: Config): string[] {
  if (redisUrl !== null) return [`  Shared over   ${urlWithoutPassword(redisUrl)}`]
  if (database.kind === 'sqlite') return []
  return ['  Shared over   the database: other gateways show a change in about a second (REDIS_URL: at once)']
}

function warnings({ publicUrl, providers, waitingForDisabled, pausedProviders }: App, config: Config): string[] {
  const isReal = !providers.includes('sandbox')
  return [
    ...pausedProviders().map(
      (name) => `The operator has paused ${name}: it gets no new orders. To end that: npm run admin -- resume ${name}`,
    ),
    ...[...waitingForDisabled].map(
      ([name, tasks]) =>
        `${tasks === 1 ? '1 task waits' : `${tasks} tasks wait`} for ${name}, which is off. ` +
        (name === 'sandbox'
          ? 'The sandbox is on only if no provider has a key.'
          : `Set ${name.toUpperCase()}_API_KEY.`),
    ),
    ...(isReal && isLoopback(new URL(publicUrl).hostname)
      ? [
          `Providers cannot reach ${publicUrl}, so no callbacks arrive: the gateway finds results only by polling, and ` +
            'cannot find an order whose answer was lost (SUBMISSION_UNCONFIRMED). Set PUBLIC_URL.',
        ]
      : []),
    ...openMetricsWarnings(config),
    ...(config.allowAnonymous
      ? ['ALLOW_ANONYMOUS is on: everyone who can reach this gateway can order separations at your expense.']
      : []),
  ]
}
