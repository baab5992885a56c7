import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { matchesEtag } from '../matches-etag.ts'
import { sendMessagePage } from './message-page.ts'
import { loadWebFiles } from './load-web-files.ts'
import { wantsPage } from './wants-page.ts'

export interface WebRouteOptions {
  /** Whether the player page is on. */
  readonly isOn: boolean
  /** Where pages read stems: origins besides the gateway's own, or a scheme such as `https:`. A function, because the port may be known late. */
  readonly stemSources: () => readonly string[]
}

/** The player page, for people. */
export interface WebRoute {
  /** `/`: the page, or a few words if it is off. Programs are sent to `/graphql`. */
  handleStart(request: IncomingMessage, response: ServerResponse): Promise<void>
  /** `/web/…`: the page's script, style and icon. Returns false if there is no such file. */
  handleFile(request: IncomingMessage, response: ServerResponse, path: string): Promise<boolean>
}

interface File {
  readonly type: string
  readonly plain: Buffer
  readonly compressed: Buffer
  readonly etag: string
}

export const webFilesPath = '/web/'

const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
}

/** Serves the player page. Its files are loaded at the first request and kept in memory. */
export function createWebRoute({ isOn, stemSources }: WebRouteOptions): WebRoute {
  let files: Promise<ReadonlyMap<string, File>> | null = null

  async function find(name: string): Promise<File | undefined> {
    files ??= loadFiles()
    try {
      return (await files).get(name)
    } catch (error) {
      files = null
      throw error
    }
  }

  return {
    async handleStart(request, response) {
      response.appendHeader('vary', 'Accept')
      if (!wantsPage(request)) {
        response.writeHead(302, { location: '/graphql' }).end()
        return
      }
      const page = isOn ? await find('page.html') : undefined
      if (page === undefined) return sendMessagePage(response, pageOff)
      response.setHeader('content-security-policy', policy(stemSources()))
      send(request, response, page)
    },
    async handleFile(request, response, path) {
      const name = path.slice(webFilesPath.length)
      const file = isOn && name !== 'page.html' ? await find(name) : undefined
      if (file !== undefined) send(request, response, file)
      return file !== undefined
    },
  }
}

const pageOff = {
  status: 200,
  heading: 'Stemgate',
  message:
    'This is a gateway that separates songs into stems. Programs send GraphQL to /graphql. ' +
    'The page for people is off here; the operator turns it on with WEB_PAGE=true.',
}

/** Scripts and styles only from this gateway's files, and none inside the page. */
function policy(stemSources: readonly string[]): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src ${["'self'", ...stemSources].join(' ')}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

async function loadFiles(): Promise<ReadonlyMap<string, File>> {
  const entries = Object.entries(await loadWebFiles()).map(async ([name, text]) => {
    const plain = Buffer.from(text)
    const type = types[name.split('.').at(-1) ?? ''] ?? 'application/octet-stream'
    const etag = `"${createHash('sha256').update(plain).digest('base64url')}"`
    return [name, { type, plain, compressed: await promisify(gzip)(plain), etag }] as const
  })
  return new Map(await Promise.all(entries))
}

function send({ method, headers }: IncomingMessage, response: ServerResponse, file: File): void {
  response.setHeader('etag', file.etag)
  // The browser caches the files and revalidates them, so that script and page are of one version.
  response.setHeader('cache-control', 'no-cache')
  response.appendHeader('vary', 'Accept-Encoding')
  if (matchesEtag(headers['if-none-match'], file.etag)) {
    response.writeHead(304).end()
    return
  }
  const isCompressed = /\bgzip\b/.test(headers['accept-encoding'] ?? '')
  const body = isCompressed ? file.compressed : file.plain
  response.writeHead(200, {
    'content-type': file.type,
    'content-length': body.length,
    ...(isCompressed ? { 'content-encoding': 'gzip' } : {}),
  })
  response.end(method === 'HEAD' ? undefined : body)
}
