import { expect, test } from 'vitest'
import { measureScale, printScale } from './bench/scale.ts'
import { findPostgres, findRedis } from './services.ts'

test('`npm run bench:scale` measures every way of running gateways that there is here', async ({ signal }) => {
  const isSharingPossible = (await findPostgres()) !== null && (await findRedis()) !== null
  const configurations = await measureScale({ tasks: 20, rounds: 1, subscribers: 8, onProgress: () => {}, signal })
  const names = configurations.map(({ name }) => name)
  expect(names).toHaveLength(isSharingPossible ? 4 : 1)
  for (const { rounds } of configurations) {
    expect(rounds).toHaveLength(1)
    expect(rounds[0]?.settledPerSecond).toBeGreaterThan(0)
  }
  const lines = printScale(configurations).split('\n')
  for (const name of names) expect(lines.filter((line) => line.startsWith(`${name} `))).toHaveLength(1)
  expect(lines.some((line) => line.startsWith('PostgreSQL or Redis is missing'))).toBe(!isSharingPossible)
}, 60_000)
