/**
 * The JSON in the bytes; undefined if there is none. It may be in UTF-8 or UTF-16, with a byte order mark or without: the
 * bytes tell, because JSON begins with a character of ASCII. What a `charset` says of them may be wrong.
 */
export function readJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder(encodingOf(bytes)).decode(bytes))
  } catch {
    return undefined
  }
}

function encodingOf([first, second]: Buffer): string {
  if ((first === 0xfe && second === 0xff) || first === 0) return 'utf-16be'
  if ((first === 0xff && second === 0xfe) || second === 0) return 'utf-16le'
  return 'utf-8'
}
