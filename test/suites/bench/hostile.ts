import { Agent } from 'undici'
import { parseArgs } from 'node:util'
import { hostileDocuments } from '../../support/hostile-documents.ts'
import { startWatchedGateway } from './watched-gateway.ts'

// How long hostile documents take over POST, and for how long they keep the gateway from everybody else.

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    // As it is away from loopback.
    'without-introspection': { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds is a whole number above 0.')

const mostMs = 50
const longestStallMs = 100

const gateway = await startWatchedGateway(values['without-introspection'] ? { INTROSPECTION: 'false' } : {})
const agent = new Agent({ connections: 1 })

async function send(body: string): Promise<number> {
  const startedAt = performance.now()
  const { statusCode, body: answer } = await agent.request({
    origin: gateway.url,
    path: '/graphql',
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
    body,
  })
  await answer.text()
  if (statusCode >= 500) throw new Error(`It was answered with ${statusCode}: ${body.slice(0, 200)}`)
  return performance.now() - startedAt
}

const documents = hostileDocuments()
const families = [...new Set(documents.map(({ family }) => family))]
// What is compiled with the first requests is no document's fault.
for (let nth = 0; nth < 200; nth++) await send(JSON.stringify({ query: `{ __typename } # ${nth}` }))
await gateway.stallMs()

console.log(`${documents.length} documents, each ${rounds} times as a document that was not seen before.\n`)
console.log(
  `${'family'.padEnd(34)}${'documents'.padStart(10)}${'median ms'.padStart(11)}${'worst ms'.padStart(10)}${'stall ms'.padStart(10)}`,
)
let missed = 0
for (const family of families) {
  const took: number[] = []
  let worst = { ms: 0, name: '' }
  let stallMs = 0
  const ours = documents.filter((each) => each.family === family)
  for (let round = 0; round < rounds; round++) {
    for (const { query, variables, operationName, name } of ours) {
      const ms = await send(JSON.stringify({ query: `${query}\n# ${round}`, variables, operationName }))
      took.push(ms)
      if (ms > worst.ms) worst = { ms, name }
      stallMs = Math.max(stallMs, await gateway.stallMs())
    }
  }
  took.sort((a, b) => a - b)
  const median = took[Math.floor(took.length / 2)] ?? 0
  const isMet = worst.ms <= mostMs && stallMs <= longestStallMs
  if (!isMet) missed++
  const numbers = [median, worst.ms, stallMs].map((ms) => ms.toFixed(1))
  const columns = `${String(ours.length).padStart(10)}${numbers[0]?.padStart(11)}${numbers[1]?.padStart(10)}${numbers[2]?.padStart(10)}`
  console.log(`${family.padEnd(34)}${columns}  ${isMet ? 'met' : `not met: ${worst.name}`}`)
}
console.log(`\nTargets: ${mostMs} ms for each document, no stall over ${longestStallMs} ms.`)
console.log(missed === 0 ? 'All met.' : `Not met by ${missed} of ${families.length} families.`)
await agent.close()
await gateway.close()
process.exit(missed === 0 ? 0 : 1)
