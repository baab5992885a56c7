import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'

/** A tab that GraphiQL opens with. */
export interface GraphiqlTab {
  readonly query: string
  readonly variables: string
}

/** Answers a browser with GraphiQL, whole, without any other server. */
export type GraphiqlPage = (request: IncomingMessage, response: ServerResponse) => Promise<void>

const operations = new URL('../../schema/operations/', import.meta.url)

/** The page is 9 MB: it is made when it is first asked for, and only its compressed form is kept. */
export function createGraphiqlPage(readTabs: () => Promise<readonly GraphiqlTab[]>): GraphiqlPage {
  let page: Promise<Buffer> | null = null

  return async function sendPage(_request, response) {
    page ??= render(await readTabs())
    const body = await page
    response.writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      'content-encoding': 'gzip',
      'content-length': body.length,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    })
    response.end(body)
  }
}

/**
 * The ready tabs: order, split, watch, read, list, and an order of each test track of the sandbox. They are the documents
 * of `schema/operations`, which frontends start from too.
 * @param testTracks none while the sandbox is off
 */
export async function readGraphiqlTabs(testTracks: readonly { readonly audioId: string }[]): Promise<GraphiqlTab[]> {
  const fields = await read('separation-fields')
  const tab = async (name: string, title: string, variables: unknown): Promise<GraphiqlTab> => ({
    query: `${(await read(name)).replace(/(?<=^(mutation|query|subscription) )\w+/m, title)}\n${fields}`,
    variables: JSON.stringify(variables, null, 2),
  })
  const input = { musicTaskId: 'my-music', audioId: 'done' }
  const taskId = 'sep_…: the id that an order has answered'
  return [
    await tab('separate', 'Separate', { input }),
    await tab('separate', 'Split', { input: { ...input, type: 'SPLIT_STEM' } }),
    await tab('watch', 'Watch', { taskId }),
    await tab('read', 'Read', { taskId }),
    await tab('list', 'List', { first: 10 }),
    ...(await Promise.all(
      testTracks.map(({ audioId }) => tab('separate', titleOf(audioId), { input: { ...input, audioId } })),
    )),
  ]
}

function read(name: string): Promise<string> {
  return readFile(new URL(`${name}.graphql`, operations), 'utf8')
}

/** `failed-creation` as `Try_failed_creation`. */
function titleOf(audioId: string): string {
  return `Try_${audioId.replaceAll('-', '_')}`
}

async function render(tabs: readonly GraphiqlTab[]): Promise<Buffer> {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql')
  const html = renderGraphiQL({
    title: 'Stemgate',
    endpoint: '/graphql',
    subscriptionsProtocol: 'WS',
    defaultTabs: [...tabs],
    defaultEditorToolsVisibility: 'variables',
    shouldPersistHeaders: false,
  })
  return promisify(gzip)(html)
}
