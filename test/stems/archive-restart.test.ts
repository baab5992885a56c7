import { expect, test } from 'vitest'
import { newFolderArchive, oggBytes } from '../support/archive.ts'
import { newDatabase } from '../support/database.ts'
import { plainFile, startFileServer, type ServeFile } from '../support/file-server.ts'
import { recordOfSuccess, startPlayedProvider } from '../support/played-provider.ts'
import { startProgram } from '../support/program.ts'
import { post } from '../support/transports.ts'

const bytes = oggBytes(100_000)
const soon = { timeout: 30_000, interval: 50 }

test('a gateway that is killed while it copies goes on with the stems that are missing', async () => {
  const provider = await startPlayedProvider()
  const archive = await newFolderArchive()
  let other: ServeFile = (_request, response) => {
    response.writeHead(200, { 'content-length': bytes.length })
    response.write(bytes.subarray(0, 50_000))
  }
  const files = await startFileServer((request, response) =>
    (request.url === '/vocal.ogg' ? plainFile(bytes) : other)(request, response),
  )
  const urls = { originUrl: null, vocalUrl: `${files.url}/vocal.ogg`, instrumentalUrl: `${files.url}/other.ogg` }
  provider.answerRead(recordOfSuccess('provider-task-1', { response: urls }))
  const environment = {
    ...provider.environment,
    ...(await newDatabase()),
    ...archive.environment,
    STEM_LINKS: 'signed',
    STEM_HOSTS_ALLOWED: files.host,
    CHECK_INTERVAL_SECONDS: '1',
  }
  const killed = startProgram(environment)
  const ordered = await ask(
    await killed.url,
    `mutation { separate(input: { musicTaskId: "m", audioId: "a" }) { ... on SeparateSuccess { task { id } } } }`,
  )
  const { id } = (ordered['separate'] as { task: { id: string } }).task
  const archived = async (url: string) => {
    const { separation } = await ask(url, `{ separation(taskId: "${id}") { allStems { part archived } } }`)
    return (separation as { allStems: { part: string; archived: boolean }[] }).allStems.map((stem) => [
      stem.part,
      stem.archived,
    ])
  }
  const url = await killed.url
  await expect
    .poll(() => archived(url), soon)
    .toEqual([
      ['VOCAL', true],
      ['INSTRUMENTAL', false],
    ])
  await expect.poll(() => files.requests.map((request) => request.url), soon).toContain('/other.ogg')
  killed.signal('SIGKILL')
  await killed.exit

  other = plainFile(bytes)
  const again = await startProgram(environment).url
  await expect
    .poll(() => archived(again), soon)
    .toEqual([
      ['VOCAL', true],
      ['INSTRUMENTAL', true],
    ])
  expect(files.requests.filter((request) => request.url === '/vocal.ogg')).toHaveLength(1)
  expect(await archive.keys()).toHaveLength(1)
})

async function ask(url: string, query: string): Promise<Record<string, unknown>> {
  const response = await post(url, { query, variables: {} }, 'application/json')
  const { data }: { data: Record<string, unknown> } = JSON.parse(await response.text())
  return data
}
