import * as fc from 'fast-check'
import { buildSchema, getOperationAST, OperationTypeNode, parse, validate } from 'graphql'
import { readFileSync } from 'node:fs'
import { documentTexts, places as placeholders } from './document-texts.ts'
import { createFamily, type Family } from './family.ts'
import type { FuzzWorld, Place } from './fuzz-world.ts'
import { createGraphqlClient } from './graphql-client.ts'
import { judgeAnswer } from './judge-answer.ts'
import { mutated } from './mutations.ts'
import type { OrderBook } from './order-book.ts'

/** Tasks of one gateway's caller that documents may name. */
export interface KnownTasks {
  readonly settled: string
  readonly waiting: string
}

const traits = ['POST', 'SSE', 'WebSocket', 'GET'] as const
const schema = () => buildSchema(readFileSync(new URL('../../../schema/schema.graphql', import.meta.url), 'utf8'))

/** Documents over our own schema, good and bad, by every way in which operations come. */
export function createDocuments(
  world: FuzzWorld,
  orders: OrderBook,
  known: ReadonlyMap<Place, KnownTasks>,
): Family & { close(): Promise<void> } {
  const ours = schema()
  const variables = fc.oneof(
    { weight: 12, arbitrary: fc.constant(undefined) },
    {
      weight: 2,
      arbitrary: fc.record({ v0: fc.oneof(fc.constant(true), fc.constant(placeholders.waiting), fc.jsonValue()) }),
    },
    { weight: 1, arbitrary: fc.jsonValue() },
  )
  const things = fc.record({
    query: mutated(documentTexts(ours), 2),
    variables,
    operationName: fc.oneof(
      { weight: 12, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.constantFrom('Named', '', '__proto__') },
    ),
    way: fc.constantFrom(...traits),
    where: fc.constantFrom(0, 1),
  })
  const clients = new Map(world.places.map((createOrder) => [createOrder, createGraphqlClient(createOrder)]))

  const family = createFamily({
    name: 'documents',
    things,
    countOf: () => 1,
    batch: 600,
    atATime: 12,
    async play({ where, way, ...thing }, { worker }) {
      const createOrder = world.places[where === 0 ? 0 : 1]
      const client = clients.get(createOrder)
      const tasks = known.get(createOrder)
      if (client === undefined || tasks === undefined) throw new Error('Every place has its client and its tasks.')
      const track = orders.newTrack()
      const fill = (text: string) =>
        text
          .replaceAll(placeholders.track, track)
          .replaceAll(placeholders.settled, tasks.settled)
          .replaceAll(placeholders.waiting, tasks.waiting)
      const operation = {
        query: fill(thing.query),
        operationName: thing.operationName,
        variables:
          thing.variables === undefined ? undefined : JSON.parse(fill(JSON.stringify(thing.variables) ?? 'null')),
      }
      const { verdict, status, text } = await client.send(way, operation, worker)
      orders.add({
        track,
        mayCharge: () => way !== 'GET' && isOneMutation(operation.query, operation.operationName),
        saysCharged: /"reused":\s*false/.test(text),
        shown: () => `${way} ${JSON.stringify(operation)}`,
      })
      return { verdicts: [`${way} ${verdict}`], breaches: judgeAnswer(text, status) }
    },
  })

  /** By GraphQL's own rules, without ours. */
  function isOneMutation(query: string, operationName: string | undefined): boolean {
    try {
      const document = parse(query)
      return (
        getOperationAST(document, operationName)?.operation === OperationTypeNode.MUTATION &&
        validate(ours, document).length === 0
      )
    } catch {
      return false
    }
  }

  return {
    ...family,
    async close() {
      for (const client of clients.values()) await client.close()
    },
  }
}
