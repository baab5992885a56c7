/** Prefixes that only Stemgate uses: an unknown name with one of them is a mistake. */
const ourPrefixes = [
  'KIE_',
  'APIKLEY_',
  'SUNOAPI_',
  'API_KEYS',
  'ARCHIVE_',
  'JWT_',
  'CALLBACK_',
  'SANDBOX',
  'STEM_',
  'SUBMIT_',
  'SUBMITS_',
  'UNCONFIRMED_',
  'GIVE_UP_',
]

/**
 * Variables that Kubernetes and Docker links set for a service with such a name, for example KIE_SERVICE_HOST and
 * KIE_PORT_80_TCP_ADDR, https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
 */
const serviceLink = /_SERVICE_(HOST|PORT)(_|$)|_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$/

/** Variables of other tools that resemble one of ours. Missing a typo of LOG_LEVEL is harmless. */
const foreignNames = ['LOGLEVEL']

/** Variables for all programs of an operator, many of which concern others: some resemble one of ours. */
const sharedPrefix = 'OTEL_'

/** Two swapped adjacent letters count as half an edit. */
const swapCost = 0.5

/** The maximum edit distance of a typo. It is smaller for short names, which resemble too many others. */
function maxDistance(name: string): number {
  if (name.length <= 5) return swapCost
  return name.length <= 7 ? 1 : 2
}

/**
 * Finds unknown variables that have one of our prefixes or resemble one of our names, ignoring case. `names` are the
 * variables that are set, `known` those that Stemgate reads.
 */
export function unknownVariables(names: readonly string[], known: readonly string[]): readonly string[] {
  const ours = new Set(known)
  const unknown = names.filter((name) => !ours.has(name)).toSorted()
  return unknown.flatMap((variable) => {
    const name = variable.toUpperCase()
    if (serviceLink.test(name) || foreignNames.includes(name) || name.startsWith(sharedPrefix)) return []
    const [nearest] = known
      .map((each) => ({ each, edits: distance(name, each) }))
      .filter(({ each, edits }) => edits <= maxDistance(each))
      .toSorted((a, b) => a.edits - b.edits)
    if (nearest !== undefined) return [`${variable} is not known. Did you mean ${nearest.each}?`]
    const prefix = ourPrefixes.find((each) => name.startsWith(each))
    return prefix === undefined ? [] : [`${variable} is not known. ${suggestionFor(name, prefix, known)}`]
  })
}

function suggestionFor(name: string, prefix: string, known: readonly string[]): string {
  const extended = known
    .filter((each) => name.startsWith(`${each}_`) || each.startsWith(name))
    .toSorted((a, b) => b.length - a.length)[0]
  if (extended !== undefined) return `Did you mean ${extended}?`
  return `The variables that begin with ${prefix} are ${known.filter((each) => each.startsWith(prefix)).join(', ')}.`
}

/** The edit distance by optimal string alignment. */
function distance(a: string, b: string): number {
  // A larger difference in length alone exceeds every maximum.
  if (Math.abs(a.length - b.length) > 2) return Number.POSITIVE_INFINITY
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const at = (from: readonly number[], index: number) => from[index] ?? Number.POSITIVE_INFINITY
      const replaced = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] && a[i - 1] !== b[j - 1]
      const swapped = isSwapped ? at(beforeLast, j - 2) + swapCost : Number.POSITIVE_INFINITY
      row.push(Math.min(at(last, j) + 1, at(row, j - 1) + 1, replaced, swapped))
    }
    beforeLast = last
    last = row
  }
  return last[b.length] ?? Number.POSITIVE_INFINITY
}
