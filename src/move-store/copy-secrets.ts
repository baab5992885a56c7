import type { OpenDatabase } from './open-database.ts'
import type { Tally } from './copy-report.ts'

/** The target has tasks, and other secrets than the source that these tasks may need. Nothing was copied. */
export class SecretsDifferError extends Error {
  override readonly name = 'SecretsDifferError'
  readonly secrets: readonly string[]
  constructor(secrets: readonly string[]) {
    super(`The secrets of the target differ from the source's: ${secrets.join(', ')}.`)
    this.secrets = secrets
  }
}

/** The prefix of the gateways' names on Redis. No task depends on its value. */
const deploymentSecret = 'deployment'

export interface CopySecretsOptions {
  readonly source: OpenDatabase
  readonly target: OpenDatabase
  /** Keeps the target's secrets even if they differ from the source's. */
  readonly keepsTargetSecrets?: boolean
}

export interface CopiedSecrets {
  /** The names of the target's secrets that were replaced by the source's. */
  readonly replaced: readonly string[]
  /** The names of the target's secrets that were kept although they differ from the source's. */
  readonly kept: readonly string[]
  readonly tally: Tally
}

/** Copies the secrets that the target lacks, and replaces others if no task needs them. Throws SecretsDifferError. */
export async function copySecrets({
  source,
  target,
  keepsTargetSecrets = false,
}: CopySecretsOptions): Promise<CopiedSecrets> {
  const sourceSecrets = await source.attempt(() => source.db.selectFrom('secrets').selectAll().execute())
  return target.attempt(() =>
    target.db.transaction().execute(async (trx) => {
      const targetSecrets = new Map(
        (await trx.selectFrom('secrets').selectAll().execute()).map((each) => [each.name, each.value]),
      )
      const missing = sourceSecrets.filter(({ name }) => !targetSecrets.has(name))
      const differing = sourceSecrets.filter(
        ({ name, value }) => targetSecrets.has(name) && targetSecrets.get(name) !== value,
      )
      const isInUse = (await trx.selectFrom('tasks').select('id').limit(1).executeTakeFirst()) !== undefined
      const needed = differing.map(({ name }) => name).filter((name) => name !== deploymentSecret)
      if (isInUse && !keepsTargetSecrets && needed.length > 0) throw new SecretsDifferError(needed)

      const replaced = isInUse || keepsTargetSecrets ? [] : differing
      if (missing.length > 0) await trx.insertInto('secrets').values(missing).execute()
      for (const { name, value } of replaced) {
        await trx.updateTable('secrets').set({ value }).where('name', '=', name).execute()
      }
      return {
        replaced: replaced.map(({ name }) => name),
        kept: replaced.length > 0 ? [] : needed,
        tally: {
          copied: missing.length,
          updated: replaced.length,
          skipped: sourceSecrets.length - missing.length - replaced.length,
        },
      }
    }),
  )
}
