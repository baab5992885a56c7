import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { getIntrospectionQuery } from 'graphql'
import { describe, expect, test } from 'vitest'
import { callerOf, openSocket } from '../support/callers.ts'
import { canary, expectNoCanary } from '../support/canaries.ts'
import { startGateway } from '../support/gateway.ts'
import { callbackOfSuccess, recordOfSuccess, startPlayedProvider } from '../support/played-provider.ts'
import { newDatabaseUrl, startProgram, type Program } from '../support/program.ts'

const callerKey = `caller-key-${canary}`
const secrets = {
  KIE_API_KEY: `kie-key-${canary}`,
  APIKLEY_API_KEY: `apikley-key-${canary}`,
  SUNOAPI_API_KEY: `sunoapi-key-${canary}`,
  KIE_WEBHOOK_KEY: `webhook-key-${canary}`,
  CALLBACK_SECRET: `callback-secret-${canary},older-secret-${canary}`,
  API_KEYS: `web:${callerKey}`,
}

/** All output of the program and all files that it wrote, once it has ended. */
async function written(program: Program): Promise<string> {
  await program.exit
  return program.stdout() + program.stderr()
}

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('A server that listens on a port has one.')
  return address.port
}

describe('no secret is written', () => {
  test('when the database is unreachable', { timeout: 60_000 }, async () => {
    const port = await closedPort()
    const databaseUrls = [
      `postgres://user:${canary}@127.0.0.1:${port}/x?password=${canary}`,
      `postgres://user:%zz${canary}@127.0.0.1:${port}/x`,
      `postgres://user:${canary}@nowhere.invalid/x?sslmode=${canary}`,
      `postgres://user:${canary}@127.0.0.1:${port}/x?sslrootcert=/nowhere/root.pem`,
    ]
    const programs = databaseUrls.map((url) => startProgram({ ...secrets, DATABASE_URL: url, LOG_LEVEL: 'debug' }))
    for (const program of programs) {
      expectNoCanary(await written(program), 'what the program has written')
      expect(await program.exit).toBe(1)
      expect(program.stderr()).toMatch(/^Stemgate could not start: /)
    }
  })

  test('when the database file is not a database', async () => {
    const databaseUrl = await newDatabaseUrl()
    await writeFile(databaseUrl.slice('file:'.length), `no database, and a secret within: ${canary} `.repeat(200))
    const program = startProgram({ ...secrets, DATABASE_URL: databaseUrl, LOG_LEVEL: 'debug' })
    expectNoCanary(await written(program), 'what the program has written')
    expect(await program.exit).toBe(1)
    expect(program.stderr()).toMatch(/^Stemgate could not start: .*not a database/)
  })

  test('when Redis is unusable', { timeout: 60_000 }, async () => {
    const port = await closedPort()
    const redisUrls = [`redis://user:${canary}@127.0.0.1:${port}`, `redis://user:%zz${canary}@127.0.0.1:${port}`]
    const environments = redisUrls.map(async (redisUrl) => ({
      ...secrets,
      REDIS_URL: redisUrl,
      DATABASE_URL: await newDatabaseUrl(),
      LOG_LEVEL: 'debug',
    }))
    for (const program of (await Promise.all(environments)).map((environment) => startProgram(environment))) {
      // It may end by itself.
      await program.url.catch(() => null)
      program.signal('SIGTERM')
      expectNoCanary(await written(program), 'what the program has written')
    }
  })

  test('when every variable that may contain a secret is invalid', async () => {
    const wrong = Object.fromEntries(
      [...Object.keys(secrets), 'DATABASE_URL', 'REDIS_URL', 'JWT_JWKS_URL', 'PUBLIC_URL', 'KIE_BASE_URL'].map(
        (name) => [name, `wrong ${canary}\u0007`],
      ),
    )
    const program = startProgram({ ...wrong, API_KEYS_FILE: `/nowhere/keys`, LOG_LEVEL: 'debug' })
    const text = await written(program)
    expectNoCanary(text, 'what the program has written')
    expect(await program.exit).toBe(1)
    // CALLBACK_SECRET may contain spaces.
    for (const name of Object.keys(wrong)) if (name !== 'CALLBACK_SECRET') expect(text).toContain(`  - ${name} `)
  })

  test('when the address is not available', async () => {
    const program = startProgram({
      ...secrets,
      HOST: '203.0.113.1',
      DATABASE_URL: await newDatabaseUrl(),
      LOG_LEVEL: 'debug',
    })
    expectNoCanary(await written(program), 'what the program has written')
    expect(await program.exit).toBe(1)
    expect(program.stderr()).toMatch(/^Stemgate could not start: /)
  })
})

test('the metrics and all answers of a gateway contain no secret', async () => {
  const provider = await startPlayedProvider()
  const gateway = await startGateway({ ...secrets, KIE_BASE_URL: provider.url, CHECK_INTERVAL_SECONDS: '0.1' })
  const { url } = gateway
  const web = callerOf(gateway, callerKey)
  await callerOf(gateway, `${callerKey}-with-a-slip`).send('{ __typename }')
  const taskId = await web.order()
  const { callBackUrl } = (await provider.order(0)).body
  const socket = openSocket(url, { authorization: web.authorization })
  await socket.reachability(1)
  socket.subscribe('1', `subscription { separationUpdated(taskId: "${taskId}") { status failure { message } } }`)
  await socket.reachability(2)
  // Refusals and failures whose messages repeat input.
  const echo = `${secrets.KIE_API_KEY} ${secrets.KIE_WEBHOOK_KEY} ${callBackUrl}`
  for (const [index, code] of [401, 402, 422, 429, 455, 500].entries()) {
    provider.answerSubmit({ code, msg: echo, data: null })
    await web.separate({ audioId: `refused-${index}` })
  }
  const failure = { successFlag: 'GENERATE_AUDIO_FAILED', response: null, errorCode: 500, errorMessage: echo }
  provider.answerRead(recordOfSuccess('provider-task-1', { ...failure, callbackUrl: callBackUrl }))
  expect(await provider.callBack(callBackUrl, callbackOfSuccess('provider-task-1'))).toBe(200)
  expect(await provider.callBack(`${callBackUrl.slice(0, -2)}xx`, {})).toBe(404)
  await expect.poll(() => socket.messages.at(-1)?.type, { timeout: 10_000 }).toBe('complete')
  expectNoCanary(JSON.stringify(socket.messages), 'the messages of a socket')

  for (const query of [
    getIntrospectionQuery(),
    `{ separation(taskId: "${taskId}") { id provider providerTaskId status failure { code providerCode message } } }`,
    '{ separations { edges { cursor node { id musicTaskId audioId failure { message } } } } }',
    `{ node(id: "${taskId}") { id } }`,
    `{ separation(taskId: "${callBackUrl.split('/').at(-1)}x") { id } }`,
    '{ nothing }',
  ]) {
    expect((await web.send(query)).status).toBe(200)
  }
  for (const path of ['/metrics', '/health/live', '/health/ready', '/graphql', '/', '/nothing']) {
    const response = await fetch(`${url}${path}`, {
      headers: { accept: 'text/html', authorization: web.authorization },
    })
    const text = await response.text()
    expectNoCanary(`${JSON.stringify([...response.headers])} ${text}`, path)
    if (path === '/metrics') expect(text).toContain('stemgate_provider_call_seconds')
  }
})
