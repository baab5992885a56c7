import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { matchesEtag } from '../matches-etag.ts'
import { graphiqlScript } from './graphiql-script.ts'

/** Sends GraphiQL as one page that loads nothing from other servers. */
export type GraphiqlPage = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/**
 * Disables the dragging of tabs. GraphiQL 5 treats its initial tabs as being dragged: the first click on a tab moves it under
 * the pointer and does not select it.
 */
const fixedTabsStyle = '.graphiql-tab { transform: none !important }'

export interface GraphiqlPageOptions {
  readonly readTabs: () => Promise<readonly string[]>
  /** Whether the gateway accepts credentials. */
  readonly takesCredentials: boolean
}

interface Page {
  readonly body: Buffer
  readonly etag: string
}

/** The page is 9 MB. It is rendered at the first request and kept compressed, and a browser downloads it once. */
export function createGraphiqlPage({ readTabs, takesCredentials }: GraphiqlPageOptions): GraphiqlPage {
  let page: Promise<Page> | null = null

  async function renderPage(): Promise<Page> {
    try {
      const body = await render(await readTabs(), takesCredentials)
      return { body, etag: `"${createHash('sha256').update(body).digest('base64url')}"` }
    } catch (error) {
      page = null
      throw error
    }
  }

  return async function sendPage({ headers }, response) {
    page ??= renderPage()
    const { body, etag } = await page
    response.setHeader('etag', etag)
    // The browser caches the page and revalidates it each time.
    response.setHeader('cache-control', 'no-cache')
    // The same URL answers other clients with JSON.
    response.appendHeader('vary', 'Accept')
    if (matchesEtag(headers['if-none-match'], etag)) {
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

async function render(tabs: readonly string[], takesCredentials: boolean): Promise<Buffer> {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql')
  const html = renderGraphiQL({
    title: 'Stemgate',
    endpoint: '/graphql',
    // GraphiQL's headers editor applies to HTTP only: a WebSocket would have no credential.
    subscriptionsProtocol: takesCredentials ? 'SSE' : 'WS',
    defaultTabs: tabs.map((query) => ({ query })),
    defaultEditorToolsVisibility: takesCredentials ? 'headers' : false,
    shouldPersistHeaders: false,
  })
  const additions = `<style>${fixedTabsStyle}</style><script>${graphiqlScript}</script></head>`
  return promisify(gzip)(html.replace('</head>', () => additions))
}
