import * as fc from 'fast-check'
import { breach, type Breach } from './breach.ts'
import { createFamily, type Family, type Played } from './family.ts'
import { askPlace, orderAt, wholeTask } from './fuzz-callers.ts'
import { filled } from './filled.ts'
import type { RawAnswer } from './fuzz-provider.ts'
import type { FuzzWorld } from './fuzz-world.ts'
import { judgeAnswer } from './judge-answer.ts'
import type { OrderBook } from './order-book.ts'
import { rawAnswers } from './raw-answers.ts'

/** The gateways' providers. Each of them is ordered from one after the other: a row of failures shuts it for a while. */
const lanes = [
  [0, 'KIE'],
  [0, 'APIKLEY'],
  [1, 'KIE'],
  [1, 'APIKLEY'],
] as const

type Thing =
  | { readonly kind: 'orders'; readonly answers: readonly RawAnswer[] }
  | { readonly kind: 'reads'; readonly answers: readonly RawAnswer[] }

/** What a provider answers to orders, and to record-info of tasks that are asked for by its own ids. */
export function createProviderAnswers(world: FuzzWorld, orders: OrderBook): Family {
  const things: fc.Arbitrary<Thing> = fc.oneof(
    // Fewer than it takes to shut a provider; after them an ordinary order is taken again.
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('orders' as const),
        answers: fc.array(rawAnswers(/^submit/), { minLength: 1, maxLength: 3 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('reads' as const),
        answers: fc.array(rawAnswers(/^record-info/), { minLength: 8, maxLength: 24, size: 'max' }),
      }),
    },
  )
  let subjects = 0

  async function order(answer: RawAnswer, worker: number): Promise<Played> {
    const [where, provider] = lanes[worker] ?? lanes[0]
    const createOrder = world.places[where]
    const track = orders.newTrack()
    world.provider.answerOrder(track, (charge) => filled(answer, charge))
    const ordered = await orderAt(createOrder, provider, track)
    orders.add({ track, mayCharge: () => true, saysCharged: ordered.reused === false, shown: () => ordered.text })
    return {
      verdicts: [`order ${ordered.type ?? 'nothing'}`],
      breaches: judgeAnswer(ordered.text, ordered.status),
    }
  }

  /** However its neighbours were answered. */
  async function ordinaryOrder(worker: number): Promise<readonly Breach[]> {
    const [where, provider] = lanes[worker] ?? lanes[0]
    const track = orders.newTrack()
    const { text, reused } = await orderAt(world.places[where], provider, track)
    orders.add({ track, mayCharge: () => true, saysCharged: reused === false, shown: () => text })
    const isTaken = reused === false && text.includes('"charge":"CHARGED"')
    return isTaken ? [] : [breach('an ordinary order still succeeds', text)]
  }

  /** One caller asks for what is said to be made elsewhere; one that asks for too much that is not there is refused. */
  async function readAll(answers: readonly RawAnswer[], nth: number): Promise<Played> {
    const ids = answers.map((_, index) => `elsewhere-${nth}-${index}`)
    answers.forEach((answer, index) => {
      const providerTaskId = ids[index] ?? ''
      const known = world.provider.charges.at(-1)
      world.provider.answerRead(
        providerTaskId,
        filled(answer, { callBackUrl: known?.callBackUrl ?? '', providerTaskId }),
      )
    })
    const provider = nth % 2 === 0 ? 'KIE' : 'APIKLEY'
    const fields = ids.map(
      (id, index) => `a${index}: separation(taskId: "${id}", provider: ${provider}) { ...WholeTask }`,
    )
    const authorization = await world.newToken(`subject-${++subjects}`)
    const { status, text } = await askPlace(world.keyed, `{ ${fields.join('\n')} } ${wholeTask}`, {}, authorization)
    const {
      data,
      errors = [],
    }: { data?: Record<string, { status: string } | null> | null; errors?: { extensions?: { code?: string } }[] } =
      JSON.parse(text)
    return {
      verdicts: [
        ...errors.map(({ extensions }) => `read ${extensions?.code ?? 'without a code'}`),
        ...Object.values(data ?? {}).flatMap((task) => (task === null ? [] : [`read ${task.status}`])),
      ],
      breaches: judgeAnswer(text, status),
    }
  }

  return createFamily({
    name: 'provider answers',
    things,
    countOf: ({ answers }) => answers.length,
    batch: 48,
    atATime: lanes.length,
    async play({ kind, answers }, { nth, worker }) {
      if (kind === 'reads') return readAll(answers, nth)
      const played: Played[] = []
      for (const answer of answers) played.push(await order(answer, worker))
      const ordinary = await ordinaryOrder(worker)
      return {
        verdicts: played.flatMap(({ verdicts }) => verdicts),
        breaches: [...played.flatMap(({ breaches }) => breaches), ...ordinary],
      }
    },
  })
}
