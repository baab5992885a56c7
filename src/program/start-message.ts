import type { App } from './running-app.ts'
import type { Config } from '../config/config.ts'
import { urlWithoutPassword, describeDatabase } from '../stores/database-url.ts'
import { isLoopback } from '../runtime/loopback.ts'

/** What a start tells people: where everything is, how to try it, and what they had better know. Holds no secret. */
export function startMessage(app: App, config: Config): string {
  const { url, publicUrl, providers } = app
  const isSandbox = providers.includes('sandbox')
  const lines = [
    '',
    `  Stemgate is listening at ${url}/graphql`,
    '',
    ...(config.graphiql ? [`  GraphiQL      ${url}/graphql   (open it in a browser)`] : []),
    `  Providers     ${providers.map((name) => name.toUpperCase()).join(', ')}${isSandbox ? '   (no key is set: nothing costs anything)' : ''}`,
    `  Callers       ${callersText(config)}`,
    `  Callbacks     ${publicUrl}/callbacks/…`,
    ...(app.adminUrl === null ? [] : [`  Metrics       ${app.adminUrl}/metrics`]),
    `  Tasks         ${describeDatabase(config.database)}`,
    ...(config.redisUrl === null ? [] : [`  Shared over   ${urlWithoutPassword(config.redisUrl)}`]),
    '',
    ...howToTry(url, { isSandbox, hasGraphiql: config.graphiql, needsKey: areKnown(config) && !config.allowAnonymous }),
    '',
    ...warnings(app, config).map((warning) => `  ! ${warning}\n`),
  ]
  return lines.join('\n')
}

/** Who is let in, by what the operator has configured; names, and never a key. */
function callersText(config: Config): string {
  const { apiKeys, apiKeysFile, jwt, allowAnonymous } = config
  const known = [
    ...new Set(apiKeys.map(({ name }) => name)),
    ...(apiKeysFile === null ? [] : [`those of ${apiKeysFile}`]),
    ...(jwt === null ? [] : [`bearers of tokens of ${jwt.issuer}`]),
  ]
  if (known.length === 0) return allowAnonymous ? 'everybody' : 'everybody on this machine'
  return [...known, ...(allowAnonymous ? ['and everybody else'] : [])].join(', ')
}

function areKnown({ apiKeys, apiKeysFile, jwt }: Config): boolean {
  return apiKeys.length > 0 || apiKeysFile !== null || jwt !== null
}

function howToTry(
  url: string,
  { isSandbox, hasGraphiql, needsKey }: { isSandbox: boolean; hasGraphiql: boolean; needsKey: boolean },
): string[] {
  const [musicTaskId, audioId] = isSandbox ? ['my-music', 'done'] : ['<id of the music task>', '<id of the track>']
  const mutation =
    `mutation { separate(input: { musicTaskId: "${musicTaskId}", audioId: "${audioId}" })` +
    ' { ... on SeparateSuccess { task { id status } } ... on SeparateError { message } } }'
  const body = JSON.stringify({ query: mutation })
  const withIds = isSandbox ? '' : ' with your own ids (the provider charges for it)'
  const inHeaders = needsKey ? ', with {"Authorization": "Bearer <key>"} in its headers' : ''
  const header = needsKey ? " -H 'authorization: Bearer <key>'" : ''
  return [
    `  To try it, ${hasGraphiql ? `paste this into GraphiQL${inHeaders}` : 'run this in a shell'}${withIds}:`,
    '',
    `    ${hasGraphiql ? mutation : `curl -s ${url}/graphql -H 'content-type: application/json'${header} -d '${body}'`}`,
  ]
}

function warnings({ publicUrl, providers, waitingForDisabled }: App, config: Config): string[] {
  const isReal = !providers.includes('sandbox')
  return [
    ...[...waitingForDisabled].map(
      ([name, tasks]) =>
        `${tasks === 1 ? '1 task waits' : `${tasks} tasks wait`} for ${name}, which is off. ` +
        (name === 'sandbox' ? 'It is on while no provider has a key.' : `Set ${name.toUpperCase()}_API_KEY.`),
    ),
    ...(isReal && isLoopback(new URL(publicUrl).hostname)
      ? [
          `Providers cannot reach ${publicUrl}, so no callback will arrive: results are found by asking alone, and an order ` +
            'whose answer is lost cannot be asked for (SUBMISSION_UNCONFIRMED). Set PUBLIC_URL.',
        ]
      : []),
    ...(config.database.kind === 'postgres' && config.redisUrl === null
      ? [
          'REDIS_URL is not set: right for a single gateway. Several on this database share all tasks, but tell each ' +
            "other's subscribers only within 30 s, and each keeps the providers' rates by itself.",
        ]
      : []),
    ...(config.admin !== null && config.adminToken === null && !isLoopback(config.admin.host)
      ? ['ADMIN_HOST is not a loopback address: everybody who reaches ADMIN_PORT reads the metrics. Set ADMIN_TOKEN.']
      : []),
    ...(config.allowAnonymous
      ? ['ALLOW_ANONYMOUS is on: everybody who reaches this gateway can order separations at your expense.']
      : []),
  ]
}
