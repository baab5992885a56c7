import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { startGateway } from '../support/gateway.ts'

/** The command of the health check in the Dockerfile. It needs bash, which the image has. */
const dockerfile = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8')
const [, command = ''] = /^HEALTHCHECK (?:.*\\\n)*\s*CMD (\[.*\])$/m.exec(dockerfile) ?? []
const [program = '', ...args] = JSON.parse(command) as string[]

/** The exit code of the container's health check for this port: 0 means healthy. */
async function check(port: number | string): Promise<number | null> {
  const child = spawn(program, args, { env: { PATH: process.env['PATH'], PORT: String(port) }, stdio: 'ignore' })
  const [code] = await once(child, 'exit')
  return code
}

test('the health check of the image reports a gateway as healthy', async () => {
  const gateway = await startGateway()
  expect(await check(new URL(gateway.url).port)).toBe(0)
})

test('the health check of the image reports a closed port and a 503 as unhealthy', async () => {
  expect(await check(await freePort())).toBe(1)
  const server = createServer((_request, response) => response.writeHead(503).end()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const address = server.address()
  expect(await check(typeof address === 'object' ? (address?.port ?? 0) : 0)).toBe(1)
})

test('the health check of the image does not start node', () => {
  expect(command).not.toContain('node')
})
