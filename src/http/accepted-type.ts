const modernType = 'application/graphql-response+json'
const legacyType = 'application/json'

interface Range {
  readonly name: string
  /** From 0, which means never, to 1. */
  readonly weight: number
}

/**
 * The media type of an error of GraphQL's: the one of the two that `accept` prefers (RFC 9110, 12.5.1), and of two that
 * are equally good the one that is named first. `application/json` where nothing is said, or only by a wildcard, as the
 * specification of GraphQL over HTTP has it for clients that know of nothing else, and where neither is accepted:
 * whoever is refused has to learn why.
 */
export function acceptedType(accept = ''): string {
  const ranges = accept.split(',').map(readRange)
  const modern = ranges.findIndex(({ name }) => name === modernType)
  const weight = ranges[modern]?.weight ?? 0
  if (weight === 0) return legacyType
  const legacy = ranges.findIndex(({ name }) => name === legacyType)
  const legacyWeight = ranges[legacy]?.weight ?? 0
  return weight > legacyWeight || (weight === legacyWeight && modern < legacy) ? modernType : legacyType
}

function readRange(text: string): Range {
  const [name = '', ...parameters] = text.toLowerCase().split(';')
  const weight = parameters.map((each) => /^\s*q\s*=\s*([\d.]+)\s*$/.exec(each)?.[1]).find((each) => each !== undefined)
  return { name: name.trim(), weight: Number(weight ?? 1) || 0 }
}
