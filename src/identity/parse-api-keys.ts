/** A key and the caller whom it lets in. A caller may have several, as while one is exchanged for another. */
export interface ApiKey {
  readonly name: string
  readonly key: string
}

const minKeyLength = 16

/**
 * Reads the text of API_KEYS_FILE. Throws an Error if it may be half written: a write that was interrupted leaves an empty
 * file, or one whose last line has no end.
 * @param others those of API_KEYS, whose keys must not stand here under another name
 */
export function parseApiKeysFile(text: string, others: readonly ApiKey[]): readonly ApiKey[] {
  if (text.trim() === '') throw new Error('it is empty; a file that lets nobody in holds a comment, such as "# nobody"')
  if (!text.endsWith('\n')) throw new Error('it does not end with a line end, so its last line may be half written')
  const keys = parseApiKeys(text, 'lines')
  refuseSharedKeys([...others, ...keys])
  return keys
}

/**
 * Reads `name:key` pairs: one a line, where what begins with # is a comment, or separated by commas. Throws an Error that
 * names the mistake and no key.
 */
export function parseApiKeys(text: string, form: 'lines' | 'commas'): readonly ApiKey[] {
  const entries = text
    .split(form === 'lines' ? /\r?\n/ : ',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '' && !(form === 'lines' && entry.startsWith('#')))
  const keys = entries.map((entry, index) => {
    const [, name, key] = /^([\w.-]{1,64}):([\x21-\x7e]+)$/.exec(entry) ?? []
    const which = `the ${index + 1}. entry`
    if (name === undefined || key === undefined) {
      throw new Error(`${which} is not name:key, with a name of letters, digits, dots, dashes and underscores`)
    }
    if (key.length < minKeyLength)
      throw new Error(`${which} (${name}) has a key of fewer than ${minKeyLength} characters`)
    return { name, key }
  })
  refuseSharedKeys(keys)
  return keys
}

/** Throws an Error if two callers have the same key: nobody could say whose tasks it shows. */
function refuseSharedKeys(keys: readonly ApiKey[]): void {
  const names = new Map<string, string>()
  for (const { name, key } of keys) {
    const other = names.get(key)
    if (other !== undefined && other !== name) throw new Error(`${other} and ${name} have the same key`)
    names.set(key, name)
  }
}
