import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Ending } from '../../../support/gateway.ts'
import type { Setting } from '../figures/figure.ts'
import { startServer, type ServerProcess } from './server-process.ts'

const peers = fileURLToPath(new URL('../peers/', import.meta.url))
const schema = fileURLToPath(new URL('../../../../schema/schema.graphql', import.meta.url))

export const howToInstallPeers = 'Mercurius is not installed: npm ci --prefix test/suites/bench/peers'

/** Starts Mercurius with graphql-jit, which serves these tasks from memory; null if it is not installed. */
export async function startMercurius(
  tasks: readonly object[],
  { folder, isPinned }: Pick<Setting, 'folder' | 'isPinned'>,
  atEnd: Ending,
): Promise<ServerProcess | null> {
  if (!existsSync(join(peers, 'node_modules/mercurius'))) return null
  const file = join(folder, 'tasks.json')
  await writeFile(file, JSON.stringify(tasks))
  const environment = { TASKS: file, SCHEMA: schema }
  return startServer({ args: [join(peers, 'mercurius.mjs')], environment, isPinned }, atEnd)
}
