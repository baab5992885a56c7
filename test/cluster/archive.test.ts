import { expect, test } from 'vitest'
import { newFolderArchive, oggBytes, storeNewTask, untilArchived } from '../support/archive.ts'
import { startCluster } from '../support/cluster.ts'
import { plainFile, startFileServer } from '../support/file-server.ts'

test('two gateways share the work of the archive, and copy each file once', async () => {
  const archive = await newFolderArchive()
  const files = await startFileServer(plainFile(oggBytes(10_000)))
  const { gateways } = await startCluster({
    ...archive.environment,
    STEM_LINKS: 'signed',
    STEM_HOSTS_ALLOWED: files.host,
    CHECK_INTERVAL_SECONDS: '1',
  })
  const [one, other] = gateways
  const tasks = await Promise.all(
    Array.from({ length: 6 }, (_, index) =>
      storeNewTask(one, { vocal: `${files.url}/${index}/vocal.ogg`, instrumental: `${files.url}/${index}/other.ogg` }),
    ),
  )
  for (const { id } of tasks) await untilArchived(other, id)
  expect(new Set(files.requests.map(({ url }) => url)).size).toBe(12)
  expect(files.requests).toHaveLength(12)
  expect(await archive.keys()).toHaveLength(6)
})
