const modernType = 'application/graphql-response+json'
const legacyType = 'application/json'

interface Range {
  readonly name: string
  /** From 0 (not acceptable) to 1. */
  readonly weight: number
}

/**
 * The media type for a GraphQL error: the one that `accept` prefers (RFC 9110, 12.5.1), or the first of two with the same
 * weight. `application/json` if `accept` is missing or contains only wildcards, as GraphQL over HTTP requires for older
 * clients, and if neither type is acceptable, so that the client always gets the reason.
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
  const weights = parameters.map((parameter) => /^\s*q\s*=\s*([\d.]+)\s*$/.exec(parameter)?.[1])
  const weight = weights.find((value) => value !== undefined)
  return { name: name.trim(), weight: Number(weight ?? 1) || 0 }
}
