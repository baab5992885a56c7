import { fileProblem } from '../runtime/secret-file.ts'
import type { CallerLimits } from '../separation/caller-limits.ts'
import { creditsMistake } from './credits-mistake.ts'
import { parseLimits } from './parse-limits.ts'
import { webhookMistakes, type MistakeInWebhook } from './webhook-mistakes.ts'

/** An API key and the name of its caller. A caller may have several keys, for example during a key rotation. */
export interface ApiKey {
  readonly name: string
  readonly key: string
  readonly limits: CallerLimits
  /** When the key ends, in milliseconds since 1970; null: never. */
  readonly expiresAtMs: number | null
}

export interface KeysFileRules {
  /** See `creditsMistake`. */
  readonly unpriced: readonly string[]
  readonly mistakeInWebhook: MistakeInWebhook
}

const minKeyLength = 16

/**
 * Parses API_KEYS_FILE. Throws an Error if the file may be incomplete: an interrupted write leaves an empty file, or one whose
 * last line does not end with a newline.
 * @param others the keys of API_KEYS. The file must not contain them under another name
 * @param rules what the environment says of the limits of callers
 */
export function parseApiKeysFile(
  text: string,
  others: readonly ApiKey[],
  { unpriced, mistakeInWebhook }: KeysFileRules,
): readonly ApiKey[] {
  if (text.trim() === '') throw new Error('it is empty; to allow no keys, write a comment such as "# none"')
  if (!text.endsWith('\n')) throw new Error('it does not end with a newline, so its last line may be incomplete')
  const keys = parseEntries(text, 'lines', others)
  const limits = keys.map((key) => key.limits)
  const uncounted = creditsMistake(limits, unpriced)
  const mistakes = [...(uncounted === null ? [] : [uncounted]), ...webhookMistakes(keys, mistakeInWebhook)]
  if (mistakes.length > 0) throw new Error(mistakes.join('; '))
  return keys
}

/** Why API_KEYS_FILE is unusable. Repeats no path, because somebody may have given the keys in its place. */
export function describeKeysFileError(error: unknown): string {
  const problem = fileProblem(error)
  if (problem !== null) return `API_KEYS_FILE ${problem}`
  return `API_KEYS_FILE is unusable: ${error instanceof Error ? error.message : String(error)}`
}

/**
 * Parses entries, either one per line with # comments, or separated by commas: `name:key`, and after spaces the fields that
 * `parseLimits` knows. Throws an Error that describes all mistakes without the keys.
 */
export function parseApiKeys(text: string, form: 'lines' | 'commas'): readonly ApiKey[] {
  return parseEntries(text, form, [])
}

function parseEntries(text: string, form: 'lines' | 'commas', others: readonly ApiKey[]): readonly ApiKey[] {
  const mistakes: string[] = []
  const entries = text
    .split(form === 'lines' ? /\r?\n/ : ',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '' && !(form === 'lines' && entry.startsWith('#')))
  const keys = entries.flatMap((entry, index) => {
    const [, name, key, fields = ''] = /^([\w.-]{1,64}):([\x21-\x7e]+)(?:\s+(.*))?$/.exec(entry) ?? []
    if (name === undefined || key === undefined) {
      mistakes.push(`entry ${index + 1} must be name:key, with a name of letters, digits, dots, dashes and underscores`)
      return []
    }
    // Each may be the other, and a mistake must not repeat a key.
    if (key.length < minKeyLength && name.length >= minKeyLength) {
      mistakes.push(`entry ${index + 1}: the key has fewer than ${minKeyLength} characters. The form is name:key`)
      return []
    }
    const addMistake = (mistake: string) => mistakes.push(`entry ${index + 1} (${name}): ${mistake}`)
    if (key.length < minKeyLength) addMistake(`the key has fewer than ${minKeyLength} characters`)
    return [{ name, key, ...parseLimits(fields, addMistake) }]
  })
  mistakes.push(...sharedKeys([...others, ...keys]))
  if (mistakes.length > 0) throw new Error(mistakes.join('; '))
  return keys
}

/** A key must identify one caller, and have one set of limits. */
function sharedKeys(keys: readonly ApiKey[]): readonly string[] {
  const known = new Map<string, ApiKey>()
  const mistakes = new Set<string>()
  for (const each of keys) {
    const { name, key } = each
    const other = known.get(key) ?? each
    if (other.name !== name) mistakes.add(`${other.name} and ${name} have the same key`)
    else if (JSON.stringify(other) !== JSON.stringify(each)) mistakes.add(`${name} has a key twice, with other limits`)
    known.set(key, each)
  }
  return [...mistakes]
}
