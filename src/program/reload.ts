import { ConfigError, parseConfig, setVariables, type Config } from '../config/config.ts'
import { reloadVariables, type ReloadedVariables } from '../config/reloadable.ts'
import { fileVariableOf, secretPaths } from '../config/secret-files.ts'
import { readSettings, type Settings } from '../config/settings.ts'
import type { Log } from '../runtime/log.ts'
import type { SecretFile } from '../runtime/secret-file.ts'
import type { EnvironmentSource } from './environment-source.ts'
import { watchSecretFiles } from './watch-secret-files.ts'

/** Takes over settings that change while the gateway runs. If they contain a mistake, nothing changes. */
export interface Reload {
  /** Reads the files of `node --env-file` and of secrets again. Never rejects. */
  now(): Promise<void>
  /** Begins to watch the files of secrets. */
  watch(): void
}

export interface ReloadOptions {
  readonly source: EnvironmentSource
  /** What the gateway was started with. */
  readonly settings: Settings
  /** Applies what can change while the gateway runs. */
  readonly apply: (config: Config) => void
  /** Called when the log says what was reloaded: a higher level of the log must not hide that. */
  readonly onLogged: () => void
  readonly log: Log
}

export function createReload({ source, settings, apply, onLogged, log }: ReloadOptions): Reload {
  let latest = settings
  /** The variables that the gateway uses. Those that need a restart are older than the latest settings. */
  let used = setVariables(settings.environment, settings.files)
  let last = Promise.resolve()

  /** Throws ConfigError, before anything has changed, if the old and the new variables cannot be used together. */
  function take(next: Settings): ReloadedVariables {
    const result = reloadVariables(used, setVariables(next.environment, next.files))
    const config = parseConfig(result.variables)
    used = result.variables
    latest = next
    if (result.reloaded.length > 0) apply(config)
    return result
  }

  async function reload(): Promise<void> {
    try {
      const { reloaded, waiting } = take(await readSettings(source.read()))
      if (reloaded.length > 0) log.info({ event: 'settings.reloaded', variables: reloaded }, 'settings were reloaded')
      if (waiting.length > 0)
        log.warn({ event: 'settings.need-restart', variables: waiting }, 'settings have changed that need a restart')
      if (reloaded.length + waiting.length === 0) log.info({ event: 'settings.unchanged' }, nothingReloaded())
    } catch (error) {
      log.error(
        { event: 'settings.invalid', ...detailOf(error) },
        'nothing was reloaded: the settings contain mistakes',
      )
    }
    onLogged()
  }

  function nothingReloaded(): string {
    return source.hasFiles || secretPaths(latest.environment).size > 0
      ? 'nothing was reloaded: no setting has changed'
      : 'nothing was reloaded: no setting comes from a file (node --env-file=<file>, or a variable <SECRET>_FILE)'
  }

  function reloadSecret(name: string, content: SecretFile): void {
    try {
      if (content.kind === 'unusable') throw new ConfigError([`${fileVariableOf(name)} ${content.problem}.`])
      const { environment } = latest
      const files = { ...latest.files, values: new Map([...latest.files.values, [name, content.value]]) }
      const { reloaded, waiting } = take({ environment, files, config: parseConfig(environment, files) })
      if (reloaded.includes(name)) log.info({ event: 'settings.reloaded', variables: [name] }, 'a secret was reloaded')
      if (waiting.includes(name))
        log.warn({ event: 'settings.need-restart', variables: [name] }, 'a secret has changed that needs a restart')
    } catch (error) {
      log.error(
        { event: 'settings.invalid', variables: [name], ...detailOf(error) },
        'a secret was not reloaded: its previous value stays in use',
      )
    }
  }

  return {
    now: () => (last = last.then(reload)),
    watch: () =>
      watchSecretFiles({
        paths: () => secretPaths(latest.environment),
        values: settings.files.values,
        onChange: reloadSecret,
      }),
  }
}

function detailOf(error: unknown): object {
  return error instanceof ConfigError ? { mistakes: error.mistakes } : { err: error }
}
