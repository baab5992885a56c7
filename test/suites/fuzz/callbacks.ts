import * as fc from 'fast-check'
import { createFamily, type Family } from './family.ts'
import { orderTask } from './fuzz-tasks.ts'
import type { FuzzWorld } from './fuzz-world.ts'
import { judgeAnswer } from './judge-answer.ts'
import { mangled, mutated } from './mutations.ts'
import type { OrderBook } from './order-book.ts'
import { sendPipelined } from './pipelined.ts'
import { filled } from './filled.ts'
import { rawAnswers } from './raw-answers.ts'
import { recordedAnswers, unknowns } from './recorded-answers.ts'
import { signatureOf } from './signature-of.ts'

const bodiesOf = (recorded: fc.Arbitrary<string>) =>
  fc.oneof(
    { weight: 6, arbitrary: recorded.map((text) => Buffer.from(text)) },
    { weight: 4, arbitrary: mangled(mutated(recorded)) },
    { weight: 2, arbitrary: fc.json().map((text) => Buffer.from(text)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
    {
      weight: 1,
      arbitrary: fc.nat(9_000).map((depth) => Buffer.from(`{"data":${'['.repeat(depth)}${']'.repeat(depth)}}`)),
    },
  )
const strangePaths = fc.oneof(
  fc.constantFrom(
    '/callbacks/',
    '/callbacks/kie',
    '/callbacks//',
    '/callbacks/kie//x',
    '/callbacks/constructor/sep_/x',
    '/callbacks/kie/../../graphql',
  ),
  fc.array(fc.stringMatching(/^[\w.~%-]{0,50}$/), { maxLength: 5 }).map((parts) => `/callbacks/${parts.join('/')}`),
  fc
    .tuple(
      fc.constantFrom('kie', 'apikley', 'sunoapi', 'sandbox', 'KIE'),
      fc.stringMatching(/^sep_[0-9a-z]{26}$/),
      fc.stringMatching(/^[\w-]{43}$/),
    )
    .map((parts) => `/callbacks/${parts.join('/')}`),
)
/** null: the good address of a task that was just ordered. */
const addresses = fc.oneof({ weight: 1, arbitrary: fc.constant(null) }, { weight: 9, arbitrary: strangePaths })

interface Requested {
  readonly address: string | null
  readonly body: Buffer
  readonly method: string
  readonly signature: 'good' | 'none' | 'wrong'
}
const requestsOf = (bodies: fc.Arbitrary<Buffer>): fc.Arbitrary<Requested> =>
  fc.record({
    address: addresses,
    body: bodies,
    method: fc.constantFrom('POST', 'POST', 'POST', 'POST', 'POST', 'POST', 'GET', 'PUT', 'DELETE'),
    signature: fc.constantFrom('good', 'none', 'wrong'),
  })

/** Callbacks of every kind, at the address of a task and at others. Whether they changed a task is the forger's to see. */
export function createCallbacks(world: FuzzWorld, orders: OrderBook): Family {
  const bodies = bodiesOf(recordedAnswers(/^(callback|record-info)/))
  const things = fc.record({
    requests: fc.array(requestsOf(bodies), { minLength: 20, maxLength: 100, size: 'max' }),
    isLarge: fc.nat(20),
    /** What the provider says when it is asked, which a callback has the gateway do; null: PENDING. */
    asked: fc.option(rawAnswers(/^record-info/), { freq: 2 }),
    provider: fc.constantFrom('KIE' as const, 'APIKLEY' as const),
    where: fc.constantFrom(0, 1),
    from: fc.tuple(fc.nat(250), fc.nat(250)),
  })
  return createFamily({
    name: 'callbacks',
    things,
    countOf: (thing) => thing.requests.length,
    batch: 20,
    atATime: 4,
    async play({ requests: all, isLarge, asked, provider, where, from }) {
      const createOrder = world.places[where === 0 ? 0 : 1]
      const task = await orderTask(world, orders, createOrder, provider)
      const { callBackUrl, providerTaskId } = task
      if (asked !== null) world.provider.answerRead(providerTaskId, filled(asked, task))
      const answers = await sendPipelined({
        port: Number(new URL(createOrder.gateway.url).port),
        from: `127.1.${from[0] + 1}.${from[1] + 1}`,
        requests: all.map(({ address, body, method, signature }, index) => ({
          method,
          path: address ?? new URL(callBackUrl).pathname,
          headers: signatureOf(signature, providerTaskId),
          body:
            isLarge === 0 && index === 0
              ? Buffer.alloc(300_000, ' ')
              : Buffer.from(
                  body
                    .toString('latin1')
                    .replaceAll(unknowns.address, callBackUrl)
                    .replaceAll(unknowns.id, providerTaskId),
                  'latin1',
                ),
        })),
      })
      return {
        verdicts: answers.map(({ status }) => String(status)),
        breaches: answers.flatMap(({ status, text }) => judgeAnswer(text, status)),
      }
    },
  })
}
