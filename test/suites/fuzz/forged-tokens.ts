import * as fc from 'fast-check'
import { createHmac } from 'node:crypto'
import { successOf, type Forgery, type Target } from './forgery.ts'
import { sealedOrderOf, tokenOf } from './fuzz-provider.ts'
import { signatureOf } from './signature-of.ts'
import { lower, otherSpelling, percented, swapped, upper, withFlips } from './token-changes.ts'

const tokenBits = 256

/** Forgeries whose token is not the one of the path: to the gateway they are nothing. */
export function forgedTokens(targets: readonly Target[]): fc.Arbitrary<Forgery> {
  const target = fc.constantFrom(...targets)
  const flips = fc.uniqueArray(fc.nat(tokenBits - 1), { minLength: 2, maxLength: 9 })
  const tokens: readonly (readonly [string, fc.Arbitrary<(of: Target) => string>])[] = [
    [
      'several bits',
      flips.map(
        (bits) =>
          ({ callBackUrl }) =>
            withFlips(tokenOf(callBackUrl), bits),
      ),
    ],
    [
      'cut',
      fc.nat(42).map(
        (length) =>
          ({ callBackUrl }) =>
            tokenOf(callBackUrl).slice(0, length),
      ),
    ],
    [
      'longer',
      fc.stringMatching(/^[\w=.~-]{1,20}$/).map(
        (more) =>
          ({ callBackUrl }) =>
            tokenOf(callBackUrl) + more,
      ),
    ],
    [
      'in other letters',
      fc.constantFrom(lower, upper, swapped).map(
        (change) =>
          ({ callBackUrl }) =>
            change(tokenOf(callBackUrl)),
      ),
    ],
    [
      'other spelling of the same bits',
      fc.constantFrom(1, 2, 3).map(
        (by) =>
          ({ callBackUrl }) =>
            otherSpelling(tokenOf(callBackUrl), by),
      ),
    ],
    [
      'padded, or in base64',
      fc.constantFrom('=', '==', '%3D', '/').map(
        (end) =>
          ({ callBackUrl }) =>
            tokenOf(callBackUrl).replaceAll('-', '+').replaceAll('_', '%2F') + end,
      ),
    ],
    [
      'percent-encoded',
      fc.nat(42).map(
        (at) =>
          ({ callBackUrl }) =>
            percented(tokenOf(callBackUrl), at),
      ),
    ],
    [
      'of another task',
      target.map(
        (other) => (of) => tokenOf((other === of ? (targets.find((each) => each !== of) ?? other) : other).callBackUrl),
      ),
    ],
    [
      'of another secret',
      fc.stringMatching(/^[\w-]{16,40}$/).map(
        (secret) =>
          ({ provider, taskId }) =>
            createHmac('sha256', secret).update(`${provider}/${taskId}`).digest('base64url'),
      ),
    ],
    ['chance', fc.stringMatching(/^[\w-]{43}$/).map((token) => () => token)],
    [
      "with another task's order",
      target.map((other) => (of) => {
        const stranger = other === of ? (targets.find((each) => each !== of) ?? other) : other
        return `${tokenOf(of.callBackUrl)}.${sealedOrderOf(stranger.callBackUrl)}`
      }),
    ],
    [
      'with several bits of its order changed',
      flips.map(
        (bits) =>
          ({ callBackUrl }) =>
            `${tokenOf(callBackUrl)}.${withFlips(sealedOrderOf(callBackUrl), bits)}`,
      ),
    ],
    [
      'an odd prefix',
      fc.constantFrom('%20', '.', '..%2f', './', '%00').map(
        (start) =>
          ({ callBackUrl }) =>
            start + tokenOf(callBackUrl),
      ),
    ],
  ]
  const byToken = fc.oneof(
    ...tokens.map(([kind, arbitrary]) =>
      fc.tuple(target, arbitrary).map(([of, make]) => ({
        kind: `token: ${kind}`,
        of,
        path: `/callbacks/${of.provider}/${of.taskId}/${make(of)}`,
      })),
    ),
  )
  const byPath = fc
    .tuple(
      target,
      fc.constantFrom('kie', 'apikley', 'sunoapi', 'sandbox', 'KIE', 'kie%00', ''),
      fc.constantFrom('', '/', '//', '?x=1', '#'),
    )
    .filter(([of, provider]) => provider !== of.provider)
    .map(([of, provider]) => ({
      kind: "this task's token at another provider",
      of,
      path: `/callbacks/${provider}/${of.taskId}/${tokenOf(of.callBackUrl)}`,
    }))
  const byId = fc
    .tuple(target, target)
    .filter(([of, other]) => of !== other)
    .map(([of, other]) => ({
      kind: "this task's token at another task",
      of: other,
      path: `/callbacks/${of.provider}/${other.taskId}/${tokenOf(of.callBackUrl)}`,
    }))
  return fc
    .oneof(
      { weight: tokens.length, arbitrary: byToken },
      { weight: 1, arbitrary: byPath },
      { weight: 1, arbitrary: byId },
    )
    .map(({ kind, of, path }) => ({
      kind,
      request: { path, headers: signatureOf('good', of.providerTaskId), body: successOf(of) },
    }))
}

/** Every single bit of every target's token. */
export function everySingleBit(targets: readonly Target[]): readonly Forgery[] {
  return targets.flatMap((of) =>
    Array.from({ length: tokenBits }, (_, bit) => ({
      kind: 'token: a single bit',
      request: {
        path: `/callbacks/${of.provider}/${of.taskId}/${withFlips(tokenOf(of.callBackUrl), [bit])}`,
        headers: signatureOf('good', of.providerTaskId),
        body: successOf(of),
      },
    })),
  )
}
