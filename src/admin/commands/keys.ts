import { ConfigError } from '../../config/config.ts'
import type { ApiKey } from '../../identity/parse-api-keys.ts'
import { fingerprintOf } from '../../identity/stored-key.ts'
import type { CallerUse } from '../../separation/store/operator-store.ts'
import type { AdminContext, Command } from '../command.ts'
import { configuredKeys } from '../configured-keys.ts'
import { timeOf } from '../describe-task.ts'
import { formatAge } from '../format-age.ts'
import { formatTable } from '../table.ts'

/** Lists keys and callers. */
export const keys: Command = {
  name: 'keys',
  summary: 'List the callers and their keys, and when they were last used',
  details:
    'A key is shown by the first 8 hexadecimal digits of its SHA-256. Gateways store once a minute who was let in, so that\n' +
    'the time may be a minute late. Needs the environment of a gateway: with another one it lists the keys that were\n' +
    'used, and whether they are configured is not known (?). A key that is not configured has been removed, or belongs to\n' +
    'gateways with another environment.',
  usage: '',
  args: { min: 0, max: 0 },
  options: {},
  changes: false,
  async run(_input, context) {
    const configured = await keysIn(context)
    const { operator, nowMs } = await context.store()
    const rows = rowsOf(configured, await operator.callers())
    return { text: tableOf(rows, configured !== null, nowMs()), json: rows }
  },
}

interface Row {
  readonly caller: string
  /** null for a caller without keys. */
  readonly key: string | null
  /** Whether the key is in the environment of this command. null: no key, or that is not known. */
  readonly isConfigured: boolean | null
  readonly expiresAt: string | null
  /** null: never, as far as is known. */
  readonly lastUsedAt: string | null
}

function rowsOf(configured: readonly ApiKey[] | null, uses: readonly CallerUse[]): readonly Row[] {
  const known = (configured ?? []).map(({ name, key, expiresAtMs }) => {
    const caller = `key:${name}`
    const fingerprint = fingerprintOf(key)
    const use = uses.find(({ owner, credential }) => owner === caller && credential === fingerprint)
    return {
      caller,
      key: fingerprint,
      isConfigured: true,
      expiresAt: timeOf(expiresAtMs),
      lastUsedAt: timeOf(use?.lastUsedAtMs ?? null),
    }
  })
  const others = uses
    .filter(({ owner, credential }) => !known.some(({ caller, key }) => caller === owner && key === credential))
    .map(({ owner, credential, lastUsedAtMs }) => ({
      caller: owner,
      key: credential,
      isConfigured: credential === null || configured === null ? null : false,
      expiresAt: null,
      lastUsedAt: timeOf(lastUsedAtMs),
    }))
  return [...known, ...others]
}

function tableOf(rows: readonly Row[], isConfigurationKnown: boolean, nowMs: number): string {
  if (rows.length === 0) return 'No use of a key is stored yet. Gateways store them once a minute.'
  const usedOf = ({ lastUsedAt }: Row) =>
    lastUsedAt === null ? 'never' : `${lastUsedAt} (${formatAge(nowMs - Date.parse(lastUsedAt))} ago)`
  return formatTable(
    [{ title: 'CALLER' }, { title: 'KEY' }, { title: 'CONFIGURED' }, { title: 'EXPIRES' }, { title: 'LAST USED' }],
    rows.map((row) => [
      row.caller,
      row.key,
      row.key === null ? null : configuredOf(row),
      isConfigurationKnown || row.key === null ? row.expiresAt : '?',
      usedOf(row),
    ]),
  )
}

function configuredOf({ isConfigured }: Row): string {
  if (isConfigured === null) return '?'
  return isConfigured ? 'yes' : 'no'
}

/** The keys in the environment; null if it cannot be used, or has none: then those of the gateways are elsewhere. */
async function keysIn({ settings, note }: AdminContext): Promise<readonly ApiKey[] | null> {
  try {
    const configured = await configuredKeys((await settings()).config)
    if (configured !== null) return configured
    note(`${notKnown}: the environment has neither API_KEYS nor API_KEYS_FILE.`)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    note(`${notKnown}: the environment has mistakes.`)
    for (const mistake of error.mistakes) note(`  - ${mistake}`)
  }
  return null
}

const notKnown = 'Which keys are configured is not known'
