const firstSurrogate = 0xd800
const afterSurrogates = 0xe000
const maxCodePoint = 0x10_ff_ff

/**
 * The smallest text that is greater than every text with this prefix, compared by code points, which is the order of their
 * UTF-8 bytes. null if there is none.
 */
export function endOfPrefix(prefix: string): string | null {
  const characters = Array.from(prefix)
  while (characters.length > 0) {
    const last = (characters.pop() ?? '').codePointAt(0) ?? 0
    if (last === maxCodePoint) continue
    // Surrogates are not characters.
    const next = last + 1 === firstSurrogate ? afterSurrogates : last + 1
    return characters.join('') + String.fromCodePoint(next)
  }
  return null
}
