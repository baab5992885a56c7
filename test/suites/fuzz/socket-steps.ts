import * as fc from 'fast-check'
import { mangled, mutated } from './mutations.ts'
import type { Frame } from './raw-socket.ts'

const orderText =
  'mutation { separate(input: { musicTaskId: "TRACK", audioId: "TRACK" }) { ... on SeparateSuccess { reused task { id } } } }'
/** Each of them becomes an id of its own; the others may be used twice, which closes a socket. */
export const newId = 'NEWID'
const ids = fc.oneof(
  { weight: 60, arbitrary: fc.constant(newId) },
  { weight: 1, arbitrary: fc.constantFrom('1', '', '__proto__', 'x'.repeat(5_000)) },
)
const queries = fc.oneof(
  fc.constantFrom(
    '{ __typename }',
    'subscription { separationUpdated(taskId: "x") { id } }',
    '{',
    'query A { __typename } query B { nothing }',

    'subscription { separationUpdated(taskId: "WAITING") { id } }',
    '{ separations(first: 1) { edges { cursor } } }',
    orderText,
  ),
  mutated(fc.constant(orderText), 0),
)
const goodMessages = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('subscribe'),
      id: ids,
      payload: fc.record({ query: queries, variables: fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 2 }) }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('complete'), id: fc.constantFrom('1', '2', '7', '__proto__') }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constantFrom('ping', 'pong'),
      payload: fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 2 }),
    }),
  },
)
const oddMessages = fc.oneof(
  fc.record({
    type: fc.constantFrom(
      'subscribe',
      'next',
      'error',
      'connection_ack',
      'connection_init',
      'start',
      '',
      'constructor',
    ),
    id: ids,
    payload: fc.oneof(fc.jsonValue(), fc.constant({ query: orderText })),
  }),
  fc.record({ type: fc.jsonValue(), id: fc.jsonValue(), payload: fc.jsonValue() }),
  fc.jsonValue(),
)
const asBytes = (message: unknown) => Buffer.from(JSON.stringify(message) ?? 'null')
const calmTexts = goodMessages.map(asBytes)
const wildTexts = fc.oneof(
  { weight: 6, arbitrary: calmTexts },
  { weight: 1, arbitrary: oddMessages.map(asBytes) },
  { weight: 1, arbitrary: mangled(mutated(goodMessages.map((message) => JSON.stringify(message)))) },
  { weight: 1, arbitrary: fc.constantFrom(66_000, 200_000).map((size) => Buffer.alloc(size, 'x')) },
)
/** A whole text message, as a client sends it. */
export const plain = { opcode: 1, isLast: true, isMasked: true, reserved: 0, saidLength: null } as const
const oddFrames: fc.Arbitrary<Frame> = fc.record({
  opcode: fc.oneof(fc.constantFrom(0, 1, 2, 8, 9, 10), fc.nat(15)),
  isLast: fc.boolean(),
  isMasked: fc.constantFrom(true, true, true, false),
  reserved: fc.constantFrom(0, 0, 0, 1, 2, 4, 7),
  saidLength: fc.oneof(
    { weight: 3, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.constantFrom(0, 1, 125, 126, 65_536, 2 ** 31, 2 ** 52) },
  ),
  payload: fc.oneof(
    wildTexts,
    fc.uint8Array({ maxLength: 140 }).map((bytes) => Buffer.from(bytes)),
  ),
})
/** Frames that a socket may send, and go on. */
const tameFrames = fc.oneof(
  fc.uint8Array({ maxLength: 125 }).map((bytes): Frame => ({ ...plain, opcode: 9, payload: Buffer.from(bytes) })),
  fc.uint8Array({ maxLength: 125 }).map((bytes): Frame => ({ ...plain, opcode: 10, payload: Buffer.from(bytes) })),
)
const fragmentsOf = (texts: fc.Arbitrary<Buffer>): fc.Arbitrary<readonly Frame[]> =>
  fc.tuple(texts, fc.double({ min: 0, max: 1, noNaN: true })).map(([text, at]) => {
    const middle = Math.floor(text.length * at)
    return [
      { ...plain, isLast: false, payload: text.subarray(0, middle) },
      { ...plain, opcode: 9, payload: Buffer.from('between') },
      { ...plain, opcode: 0, payload: text.subarray(middle) },
    ]
  })
const stepsOf = (texts: fc.Arbitrary<Buffer>) =>
  fc.oneof(
    { weight: 20, arbitrary: texts.map((payload): readonly Frame[] => [{ ...plain, payload }]) },
    { weight: 2, arbitrary: fragmentsOf(texts) },
    { weight: 2, arbitrary: tameFrames.map((frame): readonly Frame[] => [frame]) },
  )
/** What a socket may send, and go on: all of it is carried out. */
export const calmSteps = fc.array(stepsOf(calmTexts), { minLength: 20, maxLength: 60, size: 'max' })
/** What closes a socket, sooner or later. */
export const wildSteps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: stepsOf(wildTexts) },
    { weight: 1, arbitrary: oddFrames.map((frame): readonly Frame[] => [frame]) },
  ),
  { minLength: 1, maxLength: 12, size: 'max' },
)
