/** Prefixes that nobody else's variables bear: with one of these, a name that is not known is a mistake. */
const ourPrefixes = [
  'KIE_',
  'APIKLEY_',
  'SUNOAPI_',
  'API_KEYS',
  'JWT_',
  'CALLBACK_',
  'SANDBOX',
  'SUBMIT_',
  'SUBMITS_',
  'UNCONFIRMED_',
  'GIVE_UP_',
]

/**
 * What Kubernetes and Docker's links set for a service that bears one of our names, such as KIE_SERVICE_HOST and
 * KIE_PORT_80_TCP_ADDR, https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
 */
const serviceLink = /_SERVICE_(HOST|PORT)(_|$)|_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$/

/** Names of other tools that differ from one of ours by a letter or two. A mistake in LOG_LEVEL harms nobody. */
const foreignNames = ['LOGLEVEL']

/** Adjacent letters that changed places count half a letter. */
const swapCost = 0.5

/** How many letters a name may differ by and still be taken for a typo. A short name has too many neighbours. */
function tolerance(name: string): number {
  if (name.length <= 5) return swapCost
  return name.length <= 7 ? 1 : 2
}

/**
 * The mistakes in the names of variables: those that bear one of our prefixes or nearly one of our names, and are not
 * known. `names` are the variables that are set, `known` those that Stemgate reads. Case does not count.
 */
export function unknownVariables(names: readonly string[], known: readonly string[]): readonly string[] {
  const ours = new Set(known)
  const unknown = names.filter((name) => !ours.has(name)).toSorted()
  return unknown.flatMap((given) => {
    const name = given.toUpperCase()
    if (serviceLink.test(name) || foreignNames.includes(name)) return []
    const [nearest] = known
      .map((each) => ({ each, letters: distance(name, each) }))
      .filter(({ each, letters }) => letters <= tolerance(each))
      .toSorted((a, b) => a.letters - b.letters)
    if (nearest !== undefined) return [`${given} is not known. Did you mean ${nearest.each}?`]
    const prefix = ourPrefixes.find((each) => name.startsWith(each))
    return prefix === undefined ? [] : [`${given} is not known. ${insteadOf(name, prefix, known)}`]
  })
}

function insteadOf(name: string, prefix: string, known: readonly string[]): string {
  const begun = known
    .filter((each) => name.startsWith(`${each}_`) || each.startsWith(name))
    .toSorted((a, b) => b.length - a.length)[0]
  if (begun !== undefined) return `Did you mean ${begun}?`
  return `The variables that begin with ${prefix} are ${known.filter((each) => each.startsWith(prefix)).join(', ')}.`
}

/** How many letters differ, as optimal string alignment counts them. */
function distance(a: string, b: string): number {
  // A difference in length alone is more than any tolerance.
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
