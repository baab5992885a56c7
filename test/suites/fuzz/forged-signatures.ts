import * as fc from 'fast-check'
import { successOf, type Forgery, type Target } from './forgery.ts'
import { signatureOf } from './signature-of.ts'
import { flippedBase64 } from './token-changes.ts'

/** Forgeries at the good address of a task of Kie's, which has to sign: at most the provider is asked. And old ones again. */
export function forgedSignatures(targets: readonly Target[]): fc.Arbitrary<Forgery> {
  const signed = targets.filter(({ provider }) => provider === 'kie')
  const settled = targets.flatMap(({ accepted }) => accepted ?? [])
  const changes: readonly (readonly [
    string,
    fc.Arbitrary<(good: Record<string, string>, of: Target) => Record<string, string>>,
  ])[] = [
    [
      'signature: bits',
      fc.uniqueArray(fc.nat(255), { minLength: 1, maxLength: 4 }).map((bits) => (good) => ({
        ...good,
        'x-webhook-signature': flippedBase64(good['x-webhook-signature'] ?? '', bits),
      })),
    ],
    [
      'signature: cut or longer',
      fc.constantFrom('', 'A', '=', 'half').map((how) => (good) => ({
        ...good,
        'x-webhook-signature':
          how === 'half'
            ? (good['x-webhook-signature'] ?? '').slice(0, 20)
            : `${good['x-webhook-signature']}${how === '' ? ' x' : how}`,
      })),
    ],
    [
      'timestamp: another one',
      fc
        .integer({ min: 1, max: 200 })
        .map((by) => (good) => ({ ...good, 'x-webhook-timestamp': String(Number(good['x-webhook-timestamp']) + by) })),
    ],
    [
      'timestamp: odd',
      fc
        .constantFrom('', '-1', '1e9', ' ', '0x10', 'NaN', '99999999999999999999')
        .map((text) => (good) => ({ ...good, 'x-webhook-timestamp': text })),
    ],
    [
      'timestamp: stale, well signed',
      fc
        .integer({ min: 301, max: 10_000_000 })
        .map((seconds) => (_good, of) => signatureOf('good', of.providerTaskId, Date.now() - seconds * 1_000)),
    ],
    [
      'another task’s signature',
      fc
        .constantFrom(...signed)
        .map((other) => (_good, of) => signatureOf(other === of ? 'wrong' : 'good', other.providerTaskId)),
    ],
    ['not signed', fc.constant(() => ({}))],
  ]
  const bySignature = fc.oneof(
    ...changes.map(([kind, arbitrary]) =>
      fc.tuple(fc.constantFrom(...signed), arbitrary).map(([of, change]) => ({
        kind,
        request: {
          path: new URL(of.callBackUrl).pathname,
          headers: change(signatureOf('good', of.providerTaskId), of),
          body: successOf(of),
        },
      })),
    ),
  )
  const again = fc.constantFrom(...settled).map((request) => ({ kind: 'replay of an accepted one', request }))
  return fc.oneof({ weight: changes.length, arbitrary: bySignature }, { weight: 2, arbitrary: again })
}
