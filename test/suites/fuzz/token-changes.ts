// What forgers do to a token, or to a signature.

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

export function withFlips(token: string, bits: readonly number[]): string {
  const bytes = Buffer.from(token, 'base64url')
  for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return bytes.toString('base64url')
}

export function flippedBase64(signature: string, bits: readonly number[]): string {
  const bytes = Buffer.from(signature, 'base64')
  for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return bytes.toString('base64')
}

/** The last letter of a token says four bits and could say six. */
export function otherSpelling(token: string, by: number): string {
  const last = alphabet.indexOf(token.at(-1) ?? '')
  return token.slice(0, -1) + (alphabet[last - (last % 4) + ((last + by) % 4)] ?? '')
}

export function percented(token: string, at: number): string {
  const code = token.charCodeAt(at).toString(16)
  return `${token.slice(0, at)}%${code}${token.slice(at + 1)}`
}

export const lower = (token: string) => token.toLowerCase()
export const upper = (token: string) => token.toUpperCase()
export const swapped = (token: string) =>
  token.replace(/[a-z]/i, (letter) => (letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()))
