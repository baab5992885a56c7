import type { IncomingMessage, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { readOperation, type OperationName } from '../graphql/operations.ts'

/** Answers a browser with GraphiQL, whole, without any other server. */
export type GraphiqlPage = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/**
 * GraphiQL 5 can drag its tabs about, and holds tabs that it opens with to be on their way: the first click on one moves
 * it under the pointer and selects nothing. Tabs that cannot be moved can be clicked.
 */
const tabsStayInPlace = '.graphiql-tab { transform: none !important }'

export interface GraphiqlPageOptions {
  readonly readTabs: () => Promise<readonly string[]>
  /** Whether people may say who they are. */
  readonly takesCredentials: boolean
}

/** The page is 9 MB: it is made when it is first asked for, and only its compressed form is kept. */
export function createGraphiqlPage({ readTabs, takesCredentials }: GraphiqlPageOptions): GraphiqlPage {
  let page: Promise<Buffer> | null = null

  async function makePage(): Promise<Buffer> {
    try {
      return await render(await readTabs(), takesCredentials)
    } catch (error) {
      page = null
      throw error
    }
  }

  return async function sendPage(_request, response) {
    page ??= makePage()
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
 * of `schema/operations`, which frontends start from too, with their variables filled in.
 * @param testTracks none while the sandbox is off: then an order has to be filled in, because it costs
 */
export async function readGraphiqlTabs(
  testTracks: readonly { readonly audioId: string; readonly description: string }[],
): Promise<string[]> {
  /** The operation under a title of its own, with a comment for its first line. */
  const tab = async (
    name: OperationName,
    title: string,
    values: Readonly<Record<string, string>>,
    comment: string,
  ): Promise<string> => {
    const [, ...lines] = filledIn(await readOperation(name), title, values).split('\n')
    return [`# ${comment}`, ...lines].join('\n')
  }
  const isSandboxOn = testTracks.length > 0
  const input = (rest: string) => ({ input: `{ musicTaskId: "my-music", ${rest} }` })
  const orderOf = (rest: string) =>
    isSandboxOn
      ? input(`audioId: "done"${rest}`)
      : { input: `{ musicTaskId: "<id of the music task>", audioId: "<id of the track>"${rest} }` }
  const taskId = '"sep_…"'
  const thenWatch = isSandboxOn
    ? 'Press play, and put the id that is answered into the tab Watch.'
    : 'The provider charges for it. Put in the two ids, press play, and put the id that is answered into the tab Watch.'
  const copyId = 'Put the id of a task here: the one that Separate has answered.'
  return [
    await tab('separate', 'Separate', orderOf(''), `Orders the voice and the rest. ${thenWatch}`),
    await tab('separate', 'Split', orderOf(', type: SPLIT_STEM'), `Orders every instrument. ${thenWatch}`),
    await tab('watch', 'Watch', { taskId }, copyId),
    await tab('read', 'Read', { taskId }, copyId),
    await tab('list', 'List', { first: '10' }, 'Lists the newest tasks first.'),
    ...(await Promise.all(
      testTracks.map(({ audioId, description }) =>
        tab('separate', titleOf(audioId), input(`audioId: "${audioId}"`), `Test track ${audioId}: ${description}`),
      ),
    )),
  ]
}

/** An operation under another name, with values in the place of its variables; arguments without a value are left out. */
function filledIn(operation: string, title: string, values: Readonly<Record<string, string>>): string {
  return operation
    .replace(/^(mutation|query|subscription) .*$/m, `$1 ${title} {`)
    .replace(/(,\s*)?\b(\w+): \$(\w+)/g, (_all, comma = '', argument: string, variable: string) => {
      const value = values[variable]
      return value === undefined ? '' : `${comma}${argument}: ${value}`
    })
    .replace(/\(\s*,\s*/g, '(')
}

/** `failed-creation` as `Try_failed_creation`. */
function titleOf(audioId: string): string {
  return `Try_${audioId.replaceAll('-', '_')}`
}

async function render(tabs: readonly string[], takesCredentials: boolean): Promise<Buffer> {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql')
  const html = renderGraphiQL({
    title: 'Stemgate',
    endpoint: '/graphql',
    // Its headers editor speaks for HTTP alone: its sockets would come without the credential.
    subscriptionsProtocol: takesCredentials ? 'SSE' : 'WS',
    defaultTabs: tabs.map((query) => ({ query })),
    defaultEditorToolsVisibility: takesCredentials ? 'headers' : false,
    shouldPersistHeaders: false,
  })
  return promisify(gzip)(html.replace('</head>', `<style>${tabsStayInPlace}</style></head>`))
}
