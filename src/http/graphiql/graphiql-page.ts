import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { graphiqlScript } from './graphiql-script.ts'

/** Answers a browser with GraphiQL, whole, without any other server. */
export type GraphiqlPage = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/**
 * GraphiQL 5 can drag its tabs about, and holds tabs that it opens with to be on their way: the first click on one moves
 * it under the pointer and selects nothing. Tabs that cannot be moved can be clicked.
 */
const fixedTabsStyle = '.graphiql-tab { transform: none !important }'

export interface GraphiqlPageOptions {
  readonly readTabs: () => Promise<readonly string[]>
  /** Whether people may say who they are. */
  readonly takesCredentials: boolean
}

interface Page {
  readonly body: Buffer
  readonly etag: string
}

/** The page is 9 MB: it is made when it is first asked for, only its compressed form is kept, and a browser fetches it once. */
export function createGraphiqlPage({ readTabs, takesCredentials }: GraphiqlPageOptions): GraphiqlPage {
  let page: Promise<Page> | null = null

  async function makePage(): Promise<Page> {
    try {
      const body = await render(await readTabs(), takesCredentials)
      return { body, etag: `"${createHash('sha256').update(body).digest('base64url')}"` }
    } catch (error) {
      page = null
      throw error
    }
  }

  return async function sendPage({ headers }, response) {
    page ??= makePage()
    const { body, etag } = await page
    response.setHeader('etag', etag)
    // The browser keeps it, and asks each time whether it is still the same.
    response.setHeader('cache-control', 'no-cache')
    // At this address others are answered with JSON.
    response.appendHeader('vary', 'Accept')
    if (names(headers['if-none-match'], etag)) {
      response.writeHead(304).end()
      return
    }
    response.writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      'content-encoding': 'gzip',
      'content-length': body.length,
    })
    response.end(body)
  }
}

/** Whether `If-None-Match` names the page: alone, among others, or weakly, as a proxy makes it. */
function names(ifNoneMatch: string | undefined, etag: string): boolean {
  const tags = ifNoneMatch?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? []
  return tags.includes(etag) || tags.includes('*')
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
  const ours = `<style>${fixedTabsStyle}</style><script>${graphiqlScript}</script></head>`
  return promisify(gzip)(html.replace('</head>', () => ours))
}
