import * as fc from 'fast-check'

type Change = (text: string) => string

const createOrder = fc.double({ min: 0, max: 1, noNaN: true })
const odd = fc.oneof(
  fc.constantFrom(
    '{',
    '}',
    '(',
    ')',
    '"',
    '"""',
    '$',
    '@',
    '...',
    ':',
    '!',
    '\\',
    '\u0000',
    '\uFEFF',
    '\uD800',
    '\u202E',
    '\n',
    '#',
    '&',
    '|',
  ),
  fc.string({ unit: 'binary', maxLength: 4 }),
)

const at = (text: string, where: number) => Math.floor(where * text.length)
const tokensOf = (text: string) => text.match(/\w+|\s+|[^\w\s]/g) ?? []

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(createOrder, odd).map(
    ([where, what]): Change =>
      (text) =>
        text.slice(0, at(text, where)) + what + text.slice(at(text, where)),
  ),
  fc.tuple(createOrder, createOrder).map(
    ([from, to]): Change =>
      (text) =>
        text.slice(0, at(text, Math.min(from, to))) + text.slice(at(text, Math.max(from, to))),
  ),
  createOrder.map(
    (where): Change =>
      (text) =>
        text.slice(0, at(text, where)),
  ),
  fc.tuple(createOrder, createOrder).map(([one, other]): Change => (text) => {
    const tokens = tokensOf(text)
    const [a, b] = [Math.floor(one * tokens.length), Math.floor(other * tokens.length)]
    return tokens.map((token, index) => (index === a ? tokens[b] : index === b ? tokens[a] : token) ?? '').join('')
  }),
  fc.tuple(createOrder, fc.constantFrom(2, 3, 20, 120, 700)).map(([where, times]): Change => (text) => {
    const tokens = tokensOf(text)
    const index = Math.floor(where * tokens.length)
    return tokens.map((token, nth) => (nth === index ? `${token} `.repeat(times) : token)).join('')
  }),
)

/** The texts, most of them changed in a few places. */
export function mutated(texts: fc.Arbitrary<string>, untouched = 1): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: untouched, arbitrary: texts },
    {
      weight: 1,
      arbitrary: fc
        .tuple(texts, fc.array(change, { minLength: 1, maxLength: 3 }))
        .map(([text, changes]) => changes.reduce((sum, each) => each(sum), text)),
    },
  )
}

/** Texts as bytes, some of which are other ones than they were. */
export function mangled(texts: fc.Arbitrary<string>): fc.Arbitrary<Buffer> {
  const flips = fc.array(fc.tuple(createOrder, fc.nat(255)), { maxLength: 3 })
  return fc.tuple(texts, flips).map(([text, changes]) => {
    const bytes = Buffer.from(text)
    for (const [where, byte] of changes) if (bytes.length > 0) bytes[Math.min(bytes.length - 1, at(text, where))] = byte
    return bytes
  })
}
