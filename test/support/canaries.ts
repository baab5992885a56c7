/** The word in every secret that tests plant. If it appears in a log, a response or on a terminal, a secret has leaked. */
export const canary = 'hunter2'

/** As it stands in base64, wherever it begins: in a token of JSON, or a credential of Basic. */
const encoded = [0, 1, 2].map((before) => {
  const text = Buffer.from(' '.repeat(before) + canary).toString('base64url')
  // The first and the last characters hold bits of what stands beside it.
  return text.slice(before === 0 ? 0 : before + 1, Math.floor(((before + canary.length) * 8) / 6))
})
const tokenLength = 43
const marks = new RegExp([canary, ...encoded].join('|'), 'gi')
/** A callback's address is a secret, whoever signed it. */
const callbackAddress = new RegExp(
  `callbacks(?:/|%2f)[a-z]+(?:/|%2f)sep_[0-9a-z]{26}(?:/|%2f)[\\w-]{${tokenLength}}`,
  'gi',
)
const tokens = new Set<string>()

/** Looks for the secret parts of this callback address as well, which nobody could recognise. */
export function plantCallbackUrl(url: string): void {
  const secretParts = url.slice(url.lastIndexOf('/') + 1).split('.')
  for (const part of secretParts) tokens.add(part.slice(0, tokenLength))
}

/** The position of a secret in the text, described without the secret; null if there is none. */
export function findCanary(text: string): string | null {
  const at = Math.min(
    ...[marks, callbackAddress].map((form) => {
      const found = text.search(form)
      return found < 0 ? Infinity : found
    }),
    tokenAt(text),
  )
  return at === Infinity ? null : `after “${text.slice(Math.max(0, at - 120), at).replace(/[\w+/=%-]*$/, '')}”`
}

/** Throws if the text contains a secret. `where` names the source of the text. */
export function expectNoCanary(text: string, where: string): void {
  const found = findCanary(text)
  if (found !== null) throw new Error(`A secret stands in ${where}, ${found}`)
}

function tokenAt(text: string): number {
  if (tokens.size === 0) return Infinity
  for (const { 0: run, index } of text.matchAll(/[\w-]{43,}/g)) {
    for (let from = 0; from + tokenLength <= run.length; from += 1) {
      if (tokens.has(run.slice(from, from + tokenLength))) return index + from
    }
  }
  return Infinity
}
