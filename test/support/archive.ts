import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import type { Stem } from '../../src/separation/task/stem.ts'
import type { SucceededTask } from '../../src/separation/task/task.ts'
import { openStoreOf } from './database.ts'
import { mp3Bytes } from './file-server.ts'
import type { TestGateway } from './gateway.ts'
import { stem, succeededTask } from './tasks.ts'

/** An archive, new and empty, which goes with the test. */
export interface TestArchive {
  /** The variables that make a gateway use it. */
  readonly environment: Readonly<Record<string, string>>
  /** The keys of the copies: `<task id>/<SHA-256>`. */
  keys(): Promise<readonly string[]>
  /** Deletes a copy. */
  lose(key: string): Promise<void>
}

export async function newFolderArchive(): Promise<TestArchive & { readonly folder: string }> {
  const folder = await newFolder()
  return {
    folder,
    environment: { ARCHIVE_URL: `file:${folder}` },
    keys: async () => (await filesIn(folder)).filter((path) => !path.startsWith('.incoming/')),
    lose: (key) => rm(join(folder, key)),
  }
}

/** A folder that goes with the test. */
export async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-archive-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** The paths of all files below a folder. */
export async function filesIn(folder: string): Promise<readonly string[]> {
  const paths = await readdir(folder, { recursive: true })
  const found = await Promise.all(
    paths.map(async (path) => ((await stat(join(folder, path)).catch(() => null))?.isFile() === true ? [path] : [])),
  )
  return found.flat().toSorted()
}

const minuteMs = 60_000

/** Stores a task that has just succeeded, whose stems are the files at these URLs, as a gateway would that archives. */
export async function storeNewTask(
  gateway: TestGateway,
  urls: Readonly<Partial<Record<Stem['part'], string>>>,
  change: Partial<SucceededTask> = {},
): Promise<SucceededTask> {
  const nowMs = Date.now()
  const stems = Object.entries(urls).map(([part, value]) =>
    stem(isPart(part, urls) ? part : 'other', { url: { value, by: 'record-info', atMs: nowMs } }),
  )
  const task = succeededTask({
    stems,
    createdAtMs: nowMs - minuteMs,
    completedAtMs: { value: nowMs, by: 'record-info', isReported: true },
    foundAtMs: nowMs,
    ...change,
  })
  const store = await openStoreOf(gateway)
  await store.adopt(task, null, { archiveAtMs: nowMs })
  return task
}

function isPart(name: string, urls: object): name is Stem['part'] {
  return name in urls
}

/** What a client reads of the files of a task. */
export interface ShownFiles {
  readonly revision: number
  readonly expiresAt: string | null
  readonly filesAvailable: boolean
  readonly allStems: readonly {
    readonly part: string
    readonly url: string
    readonly archived: boolean
    readonly expiresAt: string | null
  }[]
}

export async function readFiles(gateway: TestGateway, taskId: string): Promise<ShownFiles> {
  const { data, errors } = await gateway.ask(
    `query ($id: ID!) { separation(taskId: $id) {
      revision expiresAt filesAvailable allStems { part url archived expiresAt } } }`,
    { id: taskId },
  )
  const separation = data?.['separation'] as ShownFiles | null | undefined
  if (!separation) throw new Error(`The task cannot be read: ${JSON.stringify(errors)}`)
  return separation
}

/** The files of a task once all of its stems are archived. */
export async function untilArchived(gateway: TestGateway, taskId: string): Promise<ShownFiles> {
  const archived = async () => (await readFiles(gateway, taskId)).allStems.map((each) => each.archived)
  await expect.poll(archived, { timeout: 30_000, interval: 50 }).not.toContain(false)
  return readFiles(gateway, taskId)
}

/** The bytes of a file whose format is not decoded. The decoder of MP3 complains of a wrong one. */
export function oggBytes(size: number): Buffer {
  const bytes = mp3Bytes(size)
  bytes.write('OggS')
  return bytes
}
