import { isLoopback } from '../runtime/loopback.ts'

const keyNames = ['KIE_API_KEY', 'APIKLEY_API_KEY', 'SUNOAPI_API_KEY'] as const
const callerNames = ['API_KEYS', 'API_KEYS_FILE', 'JWT_JWKS_URL', 'JWT_ISSUER', 'JWT_AUDIENCE'] as const
const providerPrefix = /^(KIE|APIKLEY|SUNOAPI)_/

export interface SandboxPermissionOptions {
  /** The environment with its blank variables: a blank secret is a key that got lost. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The variables that Stemgate reads. */
  readonly known: readonly string[]
  /** The variables with invalid values; they are ignored here. */
  readonly invalid: ReadonlySet<string>
  /** The parsed SANDBOX. */
  readonly sandbox: boolean | undefined
  readonly host: string
  readonly publicUrl: string | undefined
  readonly allowAnonymous: boolean
}

/**
 * The mistake in the use of the sandbox; null if there is none. The sandbox answers when no provider has a key. Its music
 * is synthetic, so a gateway that may serve customers must ask for it with SANDBOX=true.
 */
export function sandboxMistake(options: SandboxPermissionOptions): string | null {
  const { environment, invalid, sandbox } = options
  if (invalid.has('SANDBOX') || keyNames.some((name) => invalid.has(name))) return null
  const isSet = (name: string) => (environment[name] ?? '').trim() !== ''
  const keys = keyNames.filter(isSet)
  if (keys.length > 0) {
    if (sandbox !== true) return null
    return (
      `SANDBOX=true contradicts ${listOf(keys, 'and')}: the sandbox is off when a provider has a key, and orders would be ` +
      'charged. Remove one of them, or set SANDBOX=false.'
    )
  }
  if (sandbox === true) return null
  if (sandbox === false) return `SANDBOX=false leaves no provider: set ${listOf(keyNames, 'or')}.`

  const names = publicIndicators(options, isSet)
  if (names.length === 0) return null
  return (
    `SANDBOX must be true for the sandbox to run with ${listOf(names, 'and')}. No provider has a key, so callers would get ` +
    `synthetic music. Set ${listOf(keyNames, 'or')}, or SANDBOX=true if you want the sandbox.`
  )
}

/** The variables that show that the gateway serves, or should serve, others than a developer on this machine. */
function publicIndicators(options: SandboxPermissionOptions, isSet: (name: string) => boolean): readonly string[] {
  const { environment, known, invalid, host, publicUrl, allowAnonymous } = options
  const providerVariables = Object.keys(environment).filter(
    (name) =>
      providerPrefix.test(name) &&
      environment[name] !== undefined &&
      // A set variable with an unknown name is reported separately.
      (known.includes(name) || !isSet(name)),
  )
  return [
    ...(isLoopback(host) ? [] : ['HOST']),
    ...(publicUrl === undefined || isLoopback(new URL(publicUrl).hostname) ? [] : ['PUBLIC_URL']),
    ...callerNames.filter(isSet),
    ...(allowAnonymous ? ['ALLOW_ANONYMOUS'] : []),
    ...providerVariables.map((name) => (isSet(name) ? name : `${name} (blank)`)),
  ].filter((name) => !invalid.has(name))
}

function listOf(names: readonly string[], word: 'and' | 'or'): string {
  return new Intl.ListFormat('en', { type: word === 'and' ? 'conjunction' : 'disjunction' }).format(names)
}
