/** An API key and the name of its caller. A caller may have several keys, for example during a key rotation. */
export interface ApiKey {
  readonly name: string
  readonly key: string
}

const minKeyLength = 16

/**
 * Parses API_KEYS_FILE. Throws an Error if the file may be incomplete: an interrupted write leaves an empty file, or one whose
 * last line does not end with a newline.
 * @param others the keys of API_KEYS. The file must not contain them under another name
 */
export function parseApiKeysFile(text: string, others: readonly ApiKey[]): readonly ApiKey[] {
  if (text.trim() === '') throw new Error('it is empty; to allow no keys, write a comment such as "# none"')
  if (!text.endsWith('\n')) throw new Error('it does not end with a newline, so its last line may be incomplete')
  const keys = parseApiKeys(text, 'lines')
  refuseSharedKeys([...others, ...keys])
  return keys
}

/**
 * Parses `name:key` pairs, either one per line with # comments, or separated by commas. Throws an Error that describes the
 * mistake without the key.
 */
export function parseApiKeys(text: string, form: 'lines' | 'commas'): readonly ApiKey[] {
  const entries = text
    .split(form === 'lines' ? /\r?\n/ : ',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '' && !(form === 'lines' && entry.startsWith('#')))
  const keys = entries.map((entry, index) => {
    const [, name, key] = /^([\w.-]{1,64}):([\x21-\x7e]+)$/.exec(entry) ?? []
    const label = `entry ${index + 1}`
    if (name === undefined || key === undefined) {
      throw new Error(`${label} must be name:key, with a name of letters, digits, dots, dashes and underscores`)
    }
    if (key.length < minKeyLength)
      throw new Error(`${label} (${name}) has a key with fewer than ${minKeyLength} characters`)
    return { name, key }
  })
  refuseSharedKeys(keys)
  return keys
}

/** Throws an Error if two callers have the same key, because a key must identify one caller. */
function refuseSharedKeys(keys: readonly ApiKey[]): void {
  const names = new Map<string, string>()
  for (const { name, key } of keys) {
    const other = names.get(key)
    if (other !== undefined && other !== name) throw new Error(`${other} and ${name} have the same key`)
    names.set(key, name)
  }
}
