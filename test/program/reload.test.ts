import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { createClient } from 'graphql-ws'
import { expect, inject, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { canary } from '../support/canaries.ts'
import { accepted, callbackOfSuccess, sendBody, startPlayedProvider } from '../support/played-provider.ts'
import { newDatabaseUrl, startProgram } from '../support/program.ts'
import { webSocketUrl } from '../support/transports.ts'

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-reload-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function writeLines(file: string, ...lines: readonly string[]): Promise<string> {
  await writeFile(file, lines.map((line) => `${line}\n`).join(''))
  return file
}

async function order(url: string, audioId: string): Promise<unknown> {
  const data = await ask(
    url,
    `mutation { separate(input: { musicTaskId: "m", audioId: "${audioId}" }) { __typename } }`,
  )
  return data?.separate.__typename
}

async function ask(url: string, query: string) {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  })
  return JSON.parse(await response.text()).data
}

test('SIGHUP reloads the log level, rates, budgets and keys of an environment file, and leaves orders and sockets alone', async () => {
  const provider = await startPlayedProvider()
  const file = join(await newFolder(), 'stemgate.env')
  const write = (lines: readonly string[]) => writeFile(file, lines.map((line) => `${line}\n`).join(''))
  const common = ['WEB_PAGE=false', `STEM_LINKS=direct`, `KIE_BASE_URL=${provider.url}`]
  await write([...common, `KIE_API_KEY=first-key-${canary}`, 'SEPARATES_PER_MINUTE=100', 'REQUESTS_PER_MINUTE=500'])
  const program = startProgram({ DATABASE_URL: await newDatabaseUrl(), REQUESTS_PER_MINUTE: '5000' }, [
    `--env-file=${file}`,
  ])
  const url = await program.url

  const client = createClient({ url: webSocketUrl(url), webSocketImpl: WebSocket, retryAttempts: 0 })
  onTestFinished(() => client.dispose())
  const changes = client.iterate({ query: 'subscription { separationsUpdated { charge } }' })
  let answerNow = () => {}
  provider.answerSubmit((response) => (answerNow = () => sendBody(response, accepted('their-task'))))
  const answered = order(url, 'in-flight')
  expect((await provider.order(0)).headers['authorization']).toBe(`Bearer first-key-${canary}`)
  expect((await changes.next()).value.data).toEqual({ separationsUpdated: { charge: 'MAYBE' } })

  await write([
    ...common,
    `KIE_API_KEY=second-key-${canary}`,
    'SEPARATES_PER_MINUTE=2',
    'REQUESTS_PER_MINUTE=1',
    'LOG_LEVEL=debug',
    'ORDERS_PER_DAY=50',
    'GRAPHIQL=false',
  ])
  program.signal('SIGHUP')
  expect(await program.logged('settings were reloaded')).toMatchObject({
    level: 30,
    variables: ['KIE_API_KEY', 'SEPARATES_PER_MINUTE', 'LOG_LEVEL', 'ORDERS_PER_DAY'],
  })
  expect(await program.logged('need a restart')).toMatchObject({ level: 40, variables: ['GRAPHIQL'] })

  expect(await ask(url, '{ viewer { budgets { limit } } }')).toEqual({ viewer: { budgets: [{ limit: 50 }] } })

  answerNow()
  expect(await answered).toBe('SeparateSuccess')
  expect((await changes.next()).value.data).toEqual({ separationsUpdated: { charge: 'CHARGED' } })
  provider.answerSubmit(accepted('their-second-task'))
  expect(await order(url, 'second')).toBe('SeparateSuccess')
  expect((await provider.order(1)).headers['authorization']).toBe(`Bearer second-key-${canary}`)
  expect(await order(url, 'third')).toBe('RateLimitedError')

  await write([...common, 'KIE_API_KEY=two words', 'SEPARATES_PER_MINUTE=100', 'READS_PER_SECOND=0'])
  program.signal('SIGHUP')
  expect(await program.logged('nothing was reloaded')).toMatchObject({
    level: 50,
    mistakes: [expect.stringMatching(/^KIE_API_KEY must/), 'READS_PER_SECOND must be more than 0.'],
  })
  expect(await order(url, 'fourth')).toBe('RateLimitedError')
  program.signal('SIGTERM')
  expect(await program.exit).toBe(0)
})

test('secrets in files are replaced while the gateway runs, as Kubernetes does it, and mistakes change nothing', async () => {
  const provider = await startPlayedProvider()
  const folder = await newFolder()
  /** Kubernetes writes a new folder and exchanges one link. */
  const publish = async (version: string, files: Readonly<Record<string, string>>) => {
    await mkdir(join(folder, version))
    for (const [name, value] of Object.entries(files)) await writeFile(join(folder, version, name), value)
    await symlink(version, join(folder, '..data_tmp'))
    await rename(join(folder, '..data_tmp'), join(folder, '..data'))
  }
  const databaseUrl = await newDatabaseUrl()
  const [older, newer] = [`older-secret-${canary}`, `newer-secret-${canary}`]
  const token = (nth: number) => `admin-token-${nth}-${canary}`
  const first = { kie: `key-1-${canary}\n`, callback: `${older}\n`, admin: token(1), database: databaseUrl }
  await publish('..1', first)
  for (const name of Object.keys(first)) await symlink(`..data/${name}`, join(folder, name))
  const { KIE_API_KEY: _, ...environment } = provider.environment
  const program = startProgram({
    ...environment,
    KIE_API_KEY_FILE: join(folder, 'kie'),
    CALLBACK_SECRET_FILE: join(folder, 'callback'),
    ADMIN_TOKEN_FILE: join(folder, 'admin'),
    DATABASE_URL_FILE: join(folder, 'database'),
  })
  const url = await program.url
  const metricsWith = async (bearer: string) => {
    const response = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${bearer}` } })
    await response.arrayBuffer()
    return response.status
  }
  expect(await order(url, 'first')).toBe('SeparateSuccess')
  const { headers, body } = await provider.order(0)
  expect(headers['authorization']).toBe(`Bearer key-1-${canary}`)
  expect(await metricsWith(token(1))).toBe(200)

  const second = {
    kie: `key-2-${canary}\nkey-3-${canary}\n`,
    callback: `${newer},${older}`,
    admin: token(2),
    database: 'file:other.db',
  }
  await publish('..2', second)
  for (const name of ['KIE_API_KEY', 'CALLBACK_SECRET', 'ADMIN_TOKEN']) {
    expect(await program.logged(`"variables":["${name}"],"msg":"a secret was reloaded"`)).toMatchObject({ level: 30 })
  }
  expect(await program.logged('a secret has changed that needs a restart')).toMatchObject({
    level: 40,
    variables: ['DATABASE_URL'],
  })
  expect(await order(url, 'second')).toBe('SeparateSuccess')
  expect((await provider.order(1)).headers['authorization']).toBe(`Bearer key-2-${canary}`)
  expect(await metricsWith(token(1))).toBe(401)
  expect(await metricsWith(token(2))).toBe(200)
  // The older secret is still accepted.
  expect(await provider.callBack(body.callBackUrl, callbackOfSuccess('provider-task-1'))).toBe(200)

  await publish('..3', { ...second, kie: '\n', admin: 'too short' })
  expect(await program.logged('KIE_API_KEY_FILE names an empty file.')).toMatchObject({ level: 50 })
  expect(await program.logged('must have at least 16 characters')).toMatchObject({
    level: 50,
    variables: ['ADMIN_TOKEN'],
    msg: 'a secret was not reloaded: its previous value stays in use',
  })
  expect(await order(url, 'third')).toBe('SeparateSuccess')
  expect((await provider.order(2)).headers['authorization']).toBe(`Bearer key-2-${canary}`)
  expect(await metricsWith(token(2))).toBe(200)
})

test('a secret file that cannot be used stops the start, and no message repeats what was given', async () => {
  const folder = await newFolder()
  await writeFile(join(folder, 'empty'), ' \n')
  await writeFile(join(folder, 'lines'), `one-${canary}\ntwo-${canary}\n`)
  await writeFile(join(folder, 'spaces'), `a b ${canary}`)
  await writeFile(join(folder, 'large'), 'x'.repeat(65_537))
  const program = startProgram({
    KIE_API_KEY: `key-${canary}`,
    KIE_API_KEY_FILE: join(folder, 'lines'),
    APIKLEY_API_KEY_FILE: `the-key-itself-${canary}`,
    SUNOAPI_API_KEY_FILE: join(folder, 'spaces'),
    ARCHIVE_S3_SECRET_ACCESS_KEY_FILE: join(folder, 'lines'),
    CALLBACK_SECRET_FILE: join(folder, 'empty'),
    ADMIN_TOKEN_FILE: folder,
    REDIS_URL_FILE: join(folder, 'large'),
  })
  expect(await program.exit).toBe(1)
  expect(program.stderr().trimEnd().split('\n').slice(1)).toEqual([
    '  - REDIS_URL_FILE names a file of more than 64 KiB.',
    '  - KIE_API_KEY and KIE_API_KEY_FILE are both set: remove one of them.',
    '  - APIKLEY_API_KEY_FILE names a file that does not exist.',
    '  - CALLBACK_SECRET_FILE names an empty file.',
    '  - ADMIN_TOKEN_FILE must name a regular file.',
    '  - ARCHIVE_S3_SECRET_ACCESS_KEY_FILE must name a file with one line of text.',
    expect.stringMatching(/^ {2}- SUNOAPI_API_KEY \(in the file that SUNOAPI_API_KEY_FILE names\) must consist of/),
  ])
})

test('SIGHUP without files to reload is a line in the log', async () => {
  const program = startProgram({ DATABASE_URL: await newDatabaseUrl() })
  const url = await program.url
  program.signal('SIGHUP')
  expect(await program.logged('no setting comes from a file')).toMatchObject({ level: 30 })
  expect((await fetch(`${url}/health/live`)).status).toBe(200)
})

test('SIGHUP that changes LOG_LEVEL is logged, and the new level holds from then on', async () => {
  const file = join(await newFolder(), 'stemgate.env')
  const program = startProgram({ DATABASE_URL: await newDatabaseUrl() }, [
    `--env-file=${await writeLines(file, 'LOG_LEVEL=info')}`,
  ])
  const url = await program.url
  await writeLines(file, 'LOG_LEVEL=error', 'GRAPHIQL=false')
  program.signal('SIGHUP')
  await program.logged('"variables":["LOG_LEVEL"],"msg":"settings were reloaded"')
  await program.logged('"variables":["GRAPHIQL"],"msg":"settings have changed that need a restart"')
  await writeLines(file, 'LOG_LEVEL=error', 'ORDERS_PER_DAY=50')
  program.signal('SIGHUP')
  const budgets = () => ask(url, '{ viewer { budgets { limit } } }')
  await expect.poll(budgets).toEqual({ viewer: { budgets: [{ limit: 50 }] } })
  await writeLines(file, 'LOG_LEVEL=info', 'ORDERS_PER_DAY=60')
  program.signal('SIGHUP')
  await program.logged('"variables":["LOG_LEVEL","ORDERS_PER_DAY"],"msg":"settings were reloaded"')
  expect(program.stderr()).not.toContain('"variables":["ORDERS_PER_DAY"]')
})

test('SIGHUP that removes ADMIN_TOKEN warns once that everyone can read the metrics', async () => {
  const file = join(await newFolder(), 'stemgate.env')
  const common = ['ADMIN_PORT=0', 'ADMIN_HOST=0.0.0.0', 'SANDBOX=true']
  const write = (...more: readonly string[]) => writeFile(file, [...common, ...more].join('\n'))
  await write(`ADMIN_TOKEN=admin-token-${canary}`)
  const program = startProgram({ DATABASE_URL: await newDatabaseUrl() }, [`--env-file=${file}`])
  await program.url
  const warning = 'everyone who can reach ADMIN_PORT can read the metrics'
  expect(program.stdout()).not.toContain(warning)
  await write()
  program.signal('SIGHUP')
  expect(await program.logged(warning)).toMatchObject({ level: 40, variables: ['ADMIN_TOKEN'] })
  await write('REQUESTS_PER_MINUTE=7')
  program.signal('SIGHUP')
  await program.logged('"variables":["REQUESTS_PER_MINUTE"],"msg":"settings were reloaded"')
  expect(program.stderr().split(warning)).toHaveLength(2)
})

test('a gateway stops cleanly when its terminal is closed', async () => {
  const terminal = spawn('script', ['--quiet', '--command', 'exec "$NODE" "$PROGRAM" 2>&3', '/dev/null'], {
    env: {
      PATH: process.env['PATH'],
      SHELL: '/bin/sh',
      NODE: process.execPath,
      PROGRAM: inject('program'),
      PORT: '0',
      DATABASE_URL: await newDatabaseUrl(),
    },
    stdio: ['pipe', 'pipe', 'ignore', 'pipe'],
  })
  onTestFinished(() => void terminal.kill('SIGKILL'))
  const log = terminal.stdio[3]
  if (log === null || log === undefined || !('readable' in log)) throw new Error('A pipe can be read.')
  // It ends with the gateway, which alone holds its other end.
  const logged = text(log)
  let shown = ''
  if (terminal.stdout === null) throw new Error('A pipe can be read.')
  while (!shown.includes('listening at')) shown += String((await once(terminal.stdout, 'data'))[0])
  terminal.kill('SIGKILL')
  expect(await logged).toContain('"signal":"SIGHUP"')
})
