import { openStore } from '../../../../src/stores/open-store.ts'
import { parseDatabaseUrl } from '../../../../src/stores/database/database-url.ts'
import type { Log } from '../../../../src/runtime/log.ts'
import type { Ending } from '../../../support/gateway.ts'
import { startPostgres } from '../../../support/own-servers.ts'
import { measureCommitRate, measureStoreRate } from '../load/commit-rate.ts'
import { postRequest } from '../load/connection.ts'
import { separateText } from '../load/documents.ts'
import { createHttpLoad } from '../load/http-load.ts'
import { startInstantProvider } from '../load/instant-provider.ts'
import { watchUsage } from '../load/usage.ts'
import type { Result } from '../report/result.ts'
import { credential, sqliteUrl, startBenchGateway } from '../servers/bench-gateway.ts'
import { alternate } from './alternate.ts'
import type { Figure, Setting } from './figure.ts'

const atATime = 64
const silence: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

export const submits: Figure = {
  name: 'submits',
  about: 'orders per second against a provider that answers at once, on SQLite and on PostgreSQL, with fsync',
  async measure(setting, atEnd) {
    const results = [...(await measureOn('SQLite', sqliteUrl(setting.folder), setting, atEnd))]
    const postgres = await startPostgres({ fsync: 'on', full_page_writes: 'on' })
    if (postgres === null) {
      setting.onProgress('PostgreSQL is not installed, so submits are not measured on it.')
      return results
    }
    atEnd(postgres.end)
    return [...results, ...(await measureOn('PostgreSQL', postgres.url, setting, atEnd))]
  },
}

async function measureOn(
  name: string,
  databaseUrl: string,
  setting: Setting,
  atEnd: Ending,
): Promise<readonly Result[]> {
  const { rounds, seconds, folder, onProgress } = setting
  const provider = await startInstantProvider(atEnd)
  const gateway = await startBenchGateway(setting, { databaseUrl, providerUrl: provider.url }, atEnd)
  const database = parseDatabaseUrl(databaseUrl)
  if (database === null) throw new Error('This is the URL of a database.')
  // The same database as the gateway's: each is idle while the other is measured.
  const store = await openStore(database, silence)
  atEnd(store.close)
  const usage = watchUsage()
  let nth = 0
  const nextOrder = () => {
    const input = { musicTaskId: 'music-of-the-bench', audioId: `track-${nth++}`, type: 'SPLIT_STEM' }
    return postRequest('/graphql', { query: separateText, variables: { input } }, credential)
  }
  const orderRate = () => usage.during(gateway, () => createHttpLoad(gateway.url, atATime).runFor(seconds, nextOrder))
  const values = await alternate(
    rounds,
    {
      commits: async () => measureCommitRate(folder, seconds / 2),
      store: () => measureStoreRate(store, atATime, seconds),
      gateway: orderRate,
    },
    onProgress,
  )
  return [
    {
      name: `submits on ${name}`,
      unit: 'submits/s',
      better: 'more',
      gateway: values.gateway,
      limit: { name: `the store by itself, with ${atATime} orders at a time`, rounds: values.store },
      peers: [{ name: 'plain SQLite, insert and commit', rounds: values.commits }],
      goal: { of: 'ratio', bound: 'at least', value: 0.5 },
      notes: usage.notes(),
    },
    {
      name: `submits on ${name}, CPU`,
      unit: 'µs/submit',
      better: 'less',
      gateway: usage.cpuPerUnit(gateway),
      limit: null,
      peers: [],
      goal: null,
      notes: [],
    },
  ]
}
