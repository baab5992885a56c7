import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { startGateway } from '../support/gateway.ts'

/** Debian's bash, which the image has, with its words from the Dockerfile. */
const dockerfile = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8')
const [, words = ''] = /^HEALTHCHECK (?:.*\\\n)*\s*CMD (\[.*\])$/m.exec(dockerfile) ?? []
const [program = '', ...args] = JSON.parse(words) as string[]

/** What the container's health check says of a gateway at this port: 0 for healthy. */
async function check(port: number | string): Promise<number | null> {
  const child = spawn(program, args, { env: { PATH: process.env['PATH'], PORT: String(port) }, stdio: 'ignore' })
  const [code] = await once(child, 'exit')
  return code
}

test('the health check of the image finds a gateway healthy', async () => {
  const gateway = await startGateway()
  expect(await check(new URL(gateway.url).port)).toBe(0)
})

test('the health check of the image finds unhealthy what does not listen, or is not well', async () => {
  expect(await check(await freePort())).toBe(1)
  const server = createServer((_request, response) => response.writeHead(503).end()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const address = server.address()
  expect(await check(typeof address === 'object' ? (address?.port ?? 0) : 0)).toBe(1)
})

test('the health check of the image starts no process of node’s', () => {
  expect(words).not.toContain('node')
})
