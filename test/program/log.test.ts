import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { expect, inject, onTestFinished, test } from 'vitest'
import { sendBody, accepted, startPlayedProvider } from '../support/played-provider.ts'
import { newDatabaseUrl, startProgram } from '../support/program.ts'
import { freePort } from '../support/free-port.ts'

/** A process whose output or standard error is redirected by a shell. */
interface Redirected {
  /** The URL of the gateway. */
  readonly url: Promise<string>
  readonly exit: Promise<number | NodeJS.Signals>
  stdout(): string
  signal(name: NodeJS.Signals): void
}

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-log-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Runs a shell command in the folder `cwd`. $NODE and $PROGRAM are the paths of Node and of the gateway. */
function startRedirected(line: string, cwd: string, environment: Readonly<Record<string, string>>): Redirected {
  const child = spawn('sh', ['-c', line], {
    cwd,
    env: {
      PATH: process.env['PATH'],
      PORT: '0',
      NODE: process.execPath,
      PROGRAM: inject('program'),
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let stdout = ''
  child.stdout.on('data', (data) => (stdout += String(data)))
  const exit = once(child, 'exit').then(([code, signal]) => code ?? signal)
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exit
  })
  const url = new Promise<string>((resolve, reject) => {
    child.stdout.on('data', () => {
      const found = /listening at (http:\S+)\/graphql/.exec(stdout)?.[1]
      if (found !== undefined) resolve(found)
    })
    exit.then((code) => reject(new Error(`It ended with ${code}:\n${stdout}`)), reject)
  })
  url.catch(() => {})
  return { url, exit, stdout: () => stdout, signal: (name) => void child.kill(name) }
}

/** Creates a full pipe `log` that is open for reading but never read. */
const fullPipe = 'mkfifo log && exec 3<>log && head -c 65536 /dev/zero >&3'

/** Creates a pipe whose reader has exited. */
const pipeWithoutReader = 'mkfifo log && { : <log & } && exec 4>log && wait'

async function sendOrder(url: string, audioId: string): Promise<number> {
  const query = `mutation { separate(input: { musicTaskId: "music", audioId: "${audioId}" }) { __typename } }`
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
    signal: AbortSignal.timeout(10_000),
  })
  await response.arrayBuffer()
  return response.status
}

test('an unread log blocks neither requests nor a stop', async () => {
  const provider = await startPlayedProvider()
  const folder = await newFolder()
  const program = startRedirected(`${fullPipe} && exec "$NODE" "$PROGRAM" 2>&3`, folder, {
    ...provider.environment,
    DATABASE_URL: await newDatabaseUrl(),
  })
  const url = await program.url
  // The lost answer to this order is logged.
  provider.answerSubmit((response) => response.destroy())
  expect(await sendOrder(url, 'one')).toBe(200)
  program.signal('SIGUSR1')
  const live = await fetch(`${url}/health/live`, { signal: AbortSignal.timeout(5_000) })
  expect(live.status).toBe(200)
  await live.arrayBuffer()
  program.signal('SIGTERM')
  expect(await program.exit).toBe(0)
})

test.each([
  { what: 'that is not read', line: `${fullPipe} && exec "$NODE" "$PROGRAM" >&3` },
  { what: 'whose reader has exited', line: `${pipeWithoutReader} && exec "$NODE" "$PROGRAM" >&4` },
])('a standard output $what does not block the program', async ({ line }) => {
  const port = await freePort()
  const program = startRedirected(line, await newFolder(), { DATABASE_URL: await newDatabaseUrl(), PORT: String(port) })
  const live = async () => (await fetch(`http://127.0.0.1:${port}/health/live`)).status
  await expect.poll(() => live().catch(() => null), { timeout: 10_000 }).toBe(200)
  program.signal('SIGTERM')
  expect(await program.exit).toBe(0)
})

test.each([
  { what: 'on a full disk', line: 'exec "$NODE" "$PROGRAM" 2>/dev/full' },
  { what: 'whose reader has exited', line: `${pipeWithoutReader} && exec "$NODE" "$PROGRAM" 2>&4` },
])('a log $what does not stop the program, and dropped lines are counted', async ({ line }) => {
  const provider = await startPlayedProvider()
  provider.answerSubmit((response) => response.destroy())
  const environment = { ...provider.environment, DATABASE_URL: await newDatabaseUrl() }
  const program = startRedirected(line, await newFolder(), environment)
  const url = await program.url
  for (const audioId of ['one', 'two', 'three']) expect(await sendOrder(url, audioId)).toBe(200)
  await expect.poll(async () => droppedBy(url), { timeout: 5_000 }).toBeGreaterThan(0)
  program.signal('SIGTERM')
  expect(await program.exit).toBe(0)
})

async function droppedBy(url: string): Promise<number> {
  const response = await fetch(`${url}/metrics`)
  return Number(/^stemgate_log_lines_dropped_total (\d+)$/m.exec(await response.text())?.[1])
}

test('an uncaught error is logged and ends the process, in time even if the log is not read', async () => {
  const crash = `--import 'data:text/javascript,process.on("SIGUSR2",()=>{throw new Error("crash")})'`
  const folder = await newFolder()
  const environment = { DATABASE_URL: await newDatabaseUrl() }
  const read = startRedirected(`exec "$NODE" ${crash} "$PROGRAM" 2>&1`, folder, environment)
  await read.url
  read.signal('SIGUSR2')
  expect(await read.exit).toBe(1)
  expect(read.stdout()).toMatch(/"level":60.*crash.*not caught/)

  const unread = startRedirected(`${fullPipe} && exec "$NODE" ${crash} "$PROGRAM" 2>&3`, folder, environment)
  await unread.url
  const crashedAtMs = performance.now()
  unread.signal('SIGUSR2')
  expect(await unread.exit).toBe(1)
  expect(performance.now() - crashedAtMs).toBeLessThan(5_000)
})

test('every line is written in order or counted as dropped, and drops are reported when the reader is back', async () => {
  const folder = await newFolder()
  const lines = 4_000
  const script = [
    `import { createBoundedOutput } from '${join(dirname(inject('program')), 'runtime/bounded-output.js')}'`,
    `const output = createBoundedOutput(2, { maxBytes: 100_000, onRecovered: (dropped) => output.write('dropped ' + dropped + '\\n') })`,
    `for (let i = 0; i < ${lines}; i++) output.write(String(i).padEnd(99, '.') + '\\n')`,
    `process.stdout.write('written\\n')`,
    `const running = setInterval(() => {}, 1_000)`,
    `await new Promise((resolve) => process.once('SIGUSR2', resolve))`,
    `clearInterval(running)`,
    `await output.flush(10_000)`,
    `process.stdout.write('counted ' + output.dropped() + '\\n')`,
  ].join('\n')
  const child = startRedirected(
    `mkfifo log && exec 3<>log && exec "$NODE" --input-type=module -e "$SCRIPT" 2>&3`,
    folder,
    {
      SCRIPT: script,
    },
  )
  await expect.poll(() => child.stdout(), { timeout: 10_000 }).toContain('written')
  const reading = createReadStream(join(folder, 'log'), 'utf8')
  onTestFinished(() => void reading.destroy())
  let read = ''
  reading.on('data', (text) => (read += String(text)))
  await expect.poll(() => read, { timeout: 10_000 }).toContain('dropped ')
  child.signal('SIGUSR2')
  expect(await child.exit).toBe(0)
  const counted = Number(/counted (\d+)/.exec(child.stdout())?.[1])
  const kept = read
    .split('\n')
    .filter((line) => /^\d/.test(line))
    .map((line) => Number.parseInt(line, 10))
  expect(counted).toBeGreaterThan(0)
  expect(kept).toEqual(Array.from({ length: lines - counted }, (_, index) => index))
  expect(read).toContain(`dropped ${counted}\n`)
})

test('an error and its cause are logged as one sentence', async () => {
  const environment = { DATABASE_URL: await newDatabaseUrl() }
  const program = startProgram(environment)
  const url = await program.url
  const other = new DatabaseSync(environment.DATABASE_URL.replace('file:', ''))
  onTestFinished(() => other.close())
  await expect.poll(() => other.exec('BEGIN IMMEDIATE'), { interval: 5 }).toBeUndefined()
  await sendOrder(url, 'one')
  await expect.poll(() => program.stderr(), { timeout: 10_000 }).toContain('the database is unavailable')
  expect(JSON.parse(program.stderr().split('\n')[0] ?? '')).toMatchObject({
    err: {
      type: 'StoreUnavailableError',
      message: 'The database is unavailable: database is locked (ERR_SQLITE_ERROR)',
    },
  })
})

test.runIf(process.platform === 'linux')('the log is text on a terminal', async () => {
  const onTerminal = `script -qec '"$NODE" "$PROGRAM"' /dev/null`
  const environment = { DATABASE_URL: 'file:/dev/null/stemgate.db', LOG_LEVEL: 'debug' }
  const program = startRedirected(onTerminal, await newFolder(), environment)
  expect(await program.exit).toBe(1)
  expect(program.stdout()).toMatch(/^\d{4}-\S+Z debug could not start err=".*"\r\n {4}at /m)
})

test.each([
  { format: 'pretty', line: /^\d{4}-\S+Z debug could not start err="/m },
  {
    format: 'json',
    line: /^\{"level":20,.*"service":"stemgate","version":"\d+\.\d+\.\d+","instance":"gateway-7",.*\}$/m,
  },
])('LOG_FORMAT=$format is the form of the log wherever it goes', async ({ format, line }) => {
  const environment = { DATABASE_URL: 'file:/dev/null/stemgate.db', LOG_LEVEL: 'debug', LOG_INSTANCE: 'gateway-7' }
  const program = startProgram({ ...environment, LOG_FORMAT: format })
  expect(await program.exit).toBe(1)
  expect(program.stderr()).toMatch(line)
})

test('the log is written completely before the process exits', async () => {
  const provider = await startPlayedProvider()
  provider.answerSubmit((response) => sendBody(response, accepted('their-task')))
  const folder = await newFolder()
  const program = startRedirected(`exec "$NODE" "$PROGRAM" 2>log.txt`, folder, {
    ...provider.environment,
    DATABASE_URL: await newDatabaseUrl(),
  })
  await program.url
  program.signal('SIGTERM')
  expect(await program.exit).toBe(0)
  let text = ''
  for await (const piece of createReadStream(join(folder, 'log.txt'), 'utf8')) text += String(piece)
  expect(text).toContain('"signal":"SIGTERM"')
})
