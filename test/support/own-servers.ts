import { execFile, spawn, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from './free-port.ts'
import { ifKilled } from './if-killed.ts'

type End = () => Promise<void>

interface Server {
  readonly url: string
  readonly end: End
}

const run = promisify(execFile)
const debianPrograms = '/usr/lib/postgresql'

/**
 * Starts a PostgreSQL and a Redis for this run alone, unless variables name others. What is not installed is not
 * started: the tests then look at the usual ports.
 */
export default async function startOwnServers(): Promise<End> {
  const starts = { TEST_POSTGRES_URL: () => startPostgres(), TEST_REDIS_URL: startRedis }
  const ends: End[] = []
  for (const [variable, start] of Object.entries(starts)) {
    if (process.env[variable] !== undefined) continue
    const server = await start()
    if (server === null) continue
    // The workers inherit it, and so does a second project of the run, which starts nothing.
    process.env[variable] = server.url
    ends.push(async () => {
      delete process.env[variable]
      await server.end()
    })
  }
  return async () => void (await Promise.all(ends.map((end) => end())))
}

/** Faster, but does not survive a power cut. */
const notDurable = { fsync: 'off', full_page_writes: 'off' }

/**
 * Null if Debian's PostgreSQL is not installed. It promises what any does, but for surviving a power cut.
 * @param durability settings of PostgreSQL that override this
 */
export async function startPostgres(durability: Readonly<Record<string, string>> = notDurable): Promise<Server | null> {
  const version = (await readdir(debianPrograms).catch(() => [])).at(-1)
  if (version === undefined) return null
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-postgres-'))
  const options = await withoutRoot(folder)
  const programs = join(debianPrograms, version, 'bin')
  const data = join(folder, 'data')
  await run(join(programs, 'initdb'), ['--no-sync', '-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '-D', data], options)
  const port = await freePort()
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 400,
    ...durability,
  }
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const end = await spawnUntil(
    /database system is ready/,
    join(programs, 'postgres'),
    ['-D', data, '-p', String(port), ...args],
    'SIGQUIT',
    options,
  )
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    async end() {
      await end()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** PostgreSQL refuses to run as root, who starts it as the user that Debian makes for it. */
async function withoutRoot(folder: string): Promise<{ readonly uid?: number; readonly gid?: number }> {
  if (process.getuid?.() !== 0) return {}
  const [uid = 0, gid = 0] = await Promise.all(
    ['-u', '-g'].map(async (what) => Number((await run('id', [what, 'postgres'])).stdout)),
  )
  await chown(folder, uid, gid)
  return { uid, gid }
}

/** Null if there is no `redis-server`. It keeps nothing. */
async function startRedis(): Promise<Server | null> {
  const isInstalled = await run('redis-server', ['--version']).then(
    () => true,
    () => false,
  )
  if (!isInstalled) return null
  const port = await freePort()
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  const end = await spawnUntil(/Ready to accept connections/, 'redis-server', options, 'SIGKILL')
  return { url: `redis://127.0.0.1:${port}`, end }
}

/** Starts a server; resolves when it has written what says that it is ready. It ends with this process at the latest. */
async function spawnUntil(
  ready: RegExp,
  program: string,
  args: readonly string[],
  endSignal: NodeJS.Signals,
  options: SpawnOptions = {},
): Promise<End> {
  const child = spawn(program, args, { cwd: '/', ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  const forget = ifKilled('kill -s "$1" "$2"', endSignal.slice('SIG'.length), String(child.pid))
  const exit = once(child, 'exit')
  let output = ''
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (bytes) => {
        if (output.length > 10_000) return
        output += String(bytes)
        if (ready.test(output)) resolve()
      })
    }
    exit.then(([code]) => reject(new Error(`${program} ended with ${code}:\n${output}`)), reject)
  })
  return async () => {
    child.kill(endSignal)
    await exit
    forget()
  }
}
