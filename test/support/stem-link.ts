import type { SucceededTask } from '../../src/separation/task/task.ts'
import { openStoreOf } from './database.ts'
import type { TestGateway } from './gateway.ts'
import { stem, succeededTask } from './tasks.ts'

/** Stores a task whose vocals are the file at this URL. */
export async function storeTaskOf(
  gateway: TestGateway,
  fileUrl: string,
  change: Partial<SucceededTask> = {},
): Promise<SucceededTask> {
  const url = { value: fileUrl, by: 'record-info', atMs: Date.UTC(2030, 0, 1, 0, 1) } as const
  const task = succeededTask({ stems: [stem('vocal', { url, label: 'Vocals' })], ...change })
  const store = await openStoreOf(gateway)
  await store.adopt(task, null)
  return task
}

/** The links of a task's stems, as a client reads them. */
export async function readLinks(gateway: TestGateway, taskId: string): Promise<readonly string[]> {
  const { data } = await gateway.ask('query ($id: ID!) { separation(taskId: $id) { allStems { url } } }', {
    id: taskId,
  })
  const separation = data?.['separation'] as { allStems: { url: string }[] } | undefined
  return separation?.allStems.map(({ url }) => url) ?? []
}

/** The link of a stem whose file is at this URL, as a client reads it. */
export async function linkOf(
  gateway: TestGateway,
  fileUrl: string,
  change: Partial<SucceededTask> = {},
): Promise<string> {
  const [link = ''] = await readLinks(gateway, (await storeTaskOf(gateway, fileUrl, change)).id)
  return link
}
