import { readSecretFile, type SecretFile } from '../runtime/secret-file.ts'
import type { Environment } from './environment.ts'

/** The variables that hold secrets. Each can be given in a file instead, which the variable `<name>_FILE` names. */
export const secretNames = [
  'DATABASE_URL',
  'REDIS_URL',
  'KIE_API_KEY',
  'APIKLEY_API_KEY',
  'SUNOAPI_API_KEY',
  'KIE_WEBHOOK_KEY',
  'CALLBACK_SECRET',
  'WEBHOOK_SECRET',
  'ADMIN_TOKEN',
  'ARCHIVE_S3_SECRET_ACCESS_KEY',
  'OTEL_EXPORTER_OTLP_HEADERS',
] as const

/** Of these, the ones that may hold several values. Their files may hold one on each line. */
const listNames: readonly string[] = ['KIE_API_KEY', 'APIKLEY_API_KEY', 'SUNOAPI_API_KEY', 'KIE_WEBHOOK_KEY']

/** Reads the file of this secret. Never rejects. */
export function readFileOfSecret(name: string, path: string): Promise<SecretFile> {
  return readSecretFile(path, { isList: listNames.includes(name) })
}

/** The secrets that were read from files, and what is wrong with the others, by the name of the secret. */
export interface SecretFiles {
  readonly values: ReadonlyMap<string, string>
  readonly mistakes: ReadonlyMap<string, string>
}

export const noSecretFiles: SecretFiles = { values: new Map(), mistakes: new Map() }

/** The variable that names the file of a secret. */
export function fileVariableOf(name: string): string {
  return `${name}_FILE`
}

/** The secrets that the environment gives in files, with their paths. */
export function secretPaths(environment: Environment): ReadonlyMap<string, string> {
  const paths = secretNames.map((name) => [name, environment[fileVariableOf(name)]?.trim() ?? ''] as const)
  return new Map(paths.filter(([, path]) => path !== ''))
}

/** Reads the secrets that the environment gives in files. */
export async function readSecretFiles(environment: Environment): Promise<SecretFiles> {
  const values = new Map<string, string>()
  const mistakes = new Map<string, string>()
  for (const [name, path] of secretPaths(environment)) {
    const variable = fileVariableOf(name)
    if (environment[name]?.trim()) {
      mistakes.set(name, `${name} and ${variable} are both set: remove one of them.`)
      continue
    }
    const file = await readFileOfSecret(name, path)
    if (file.kind === 'secret') values.set(name, file.value)
    else mistakes.set(name, `${variable} ${file.problem}.`)
  }
  return { values, mistakes }
}
