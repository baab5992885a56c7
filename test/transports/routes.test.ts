import { describe, expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'

/** A path, the route that answers it, and its status for a request from this machine and for one through a proxy. */
const paths: readonly (readonly [path: string, route: string, local: number, proxied: number])[] = [
  ['/', 'start', 200, 403],
  ['/web/page.js', 'web', 200, 403],
  ['/web/none.js', 'web', 404, 403],
  ['/web/page.html', 'web', 404, 403],
  ['/web', 'none', 404, 404],
  ['/graphql', 'graphql', 200, 403],
  ['/schema.graphql', 'schema', 200, 403],
  ['/callbacks/kie/sep_x/token', 'callbacks', 404, 404],
  ['/stems/sep_x/vocal/token/vocals.mp3', 'stems', 403, 403],
  ['/sandbox/api/v1/generate', 'sandbox-api', 200, 200],
  ['/sandbox/files/none.wav', 'sandbox-files', 404, 404],
  ['/sandbox/tracks', 'sandbox', 200, 403],
  ['/sandbox/ledger', 'sandbox', 200, 403],
  ['/health/live', 'live', 200, 200],
  ['/health/ready', 'ready', 200, 403],
  ['/metrics', 'metrics', 200, 403],
  ['/callbacks', 'none', 404, 404],
  ['/sandbox', 'none', 404, 404],
  ['/graphql/', 'none', 404, 404],
  ['/health', 'none', 404, 404],
  ['/health/live/', 'none', 404, 404],
  ['/favicon.ico', 'none', 404, 404],
]

describe('the routes', () => {
  test.each(paths)('%s is answered by the route %s', async (path, route, local, proxied) => {
    const { url } = await startGateway()
    const send = async (headers: Record<string, string>) => {
      const response = await fetch(`${url}${path}`, { headers, redirect: 'manual' })
      await response.arrayBuffer()
      return response.status
    }
    const accept = 'text/html'
    expect({ local: await send({ accept }) }).toEqual({ local })
    expect({ proxied: await send({ accept, 'x-forwarded-for': '203.0.113.7' }) }).toEqual({ proxied })
    const metrics = await (await fetch(`${url}/metrics`)).text()
    const counted = [...metrics.matchAll(/^stemgate_http_request_seconds_count\{route="([^"]+)"/gm)].map(
      ([, name]) => name,
    )
    expect(counted).toContain(route)
    expect(counted.filter((name) => name !== route && name !== 'metrics')).toEqual([])
  })
})
