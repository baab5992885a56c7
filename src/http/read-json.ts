/**
 * Parses JSON in UTF-8 or UTF-16, with or without a byte order mark; returns undefined for anything else. The first bytes
 * show the encoding, because JSON begins with an ASCII character. The `charset` of the header is ignored: it may be wrong.
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
