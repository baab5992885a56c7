import { isLoopback } from '../runtime/loopback.ts'

const keyNames = ['KIE_API_KEY', 'APIKLEY_API_KEY', 'SUNOAPI_API_KEY'] as const
const callerNames = ['API_KEYS', 'API_KEYS_FILE', 'JWT_JWKS_URL', 'JWT_ISSUER', 'JWT_AUDIENCE'] as const
const providerPrefix = /^(KIE|APIKLEY|SUNOAPI)_/

export interface SandboxPermissionOptions {
  /** As it was given, blank variables included: an empty secret is a key that got lost. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The variables that Stemgate reads. */
  readonly known: readonly string[]
  /** The variables that are wrong by themselves; nothing is concluded from them. */
  readonly wrong: ReadonlySet<string>
  /** SANDBOX as it was read. */
  readonly sandbox: boolean | undefined
  readonly host: string
  readonly publicUrl: string | undefined
  readonly allowAnonymous: boolean
}

/**
 * Why the gateway may not start with the sandbox, or without it; null if all is well. Without a provider's key the
 * sandbox answers. Where paying customers may be behind that, it has to be asked for: its music is synthetic.
 */
export function sandboxMistake(options: SandboxPermissionOptions): string | null {
  const { environment, wrong, sandbox } = options
  if (wrong.has('SANDBOX') || keyNames.some((name) => wrong.has(name))) return null
  const isSet = (name: string) => (environment[name] ?? '').trim() !== ''
  const keys = keyNames.filter(isSet)
  if (keys.length > 0) {
    if (sandbox !== true) return null
    return (
      `SANDBOX=true contradicts ${listOf(keys, 'and')}: the sandbox is off as soon as a provider has a key, and orders would ` +
      'be charged. Remove one of them, or set SANDBOX=false.'
    )
  }
  if (sandbox === true) return null
  if (sandbox === false) return `SANDBOX=false leaves no provider: set ${listOf(keyNames, 'or')}.`

  const names = publicIndicators(options, isSet)
  if (names.length === 0) return null
  return (
    `SANDBOX must be true for the sandbox to run beside ${listOf(names, 'and')}. No provider has a key, so callers would be ` +
    `given synthetic music: set ${listOf(keyNames, 'or')}; or SANDBOX=true, if that is what you want.`
  )
}

/** The variables by which the gateway serves others than a developer at this machine, or was meant to. */
function publicIndicators(options: SandboxPermissionOptions, isSet: (name: string) => boolean): readonly string[] {
  const { environment, known, wrong, host, publicUrl, allowAnonymous } = options
  const ofProviders = Object.keys(environment).filter(
    (name) =>
      providerPrefix.test(name) &&
      environment[name] !== undefined &&
      // A name that is not known is a mistake of its own.
      (known.includes(name) || !isSet(name)),
  )
  return [
    ...(isLoopback(host) ? [] : ['HOST']),
    ...(publicUrl === undefined || isLoopback(new URL(publicUrl).hostname) ? [] : ['PUBLIC_URL']),
    ...callerNames.filter(isSet),
    ...(allowAnonymous ? ['ALLOW_ANONYMOUS'] : []),
    ...ofProviders.map((name) => (isSet(name) ? name : `${name} (blank)`)),
  ].filter((name) => !wrong.has(name))
}

function listOf(names: readonly string[], word: 'and' | 'or'): string {
  return new Intl.ListFormat('en', { type: word === 'and' ? 'conjunction' : 'disjunction' }).format(names)
}
