import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { freePort } from './free-port.ts'
import type { Ending } from './gateway.ts'

/** Debian has it in a folder that only root's PATH names. */
const programs = ['nginx', '/usr/sbin/nginx'] as const
const program = programs.find((name) => spawnSync(name, ['-v']).status === 0)

/** Whether nginx is installed. Without it its tests are skipped, but not in CI. */
export function isNginxThere(): boolean {
  if (program !== undefined) return true
  const reason = "there is no nginx: install Debian's nginx-light"
  if (process.env['CI'] !== undefined) throw new Error(`deploy/nginx.conf cannot be tested: ${reason}`)
  console.warn(`Skipped the tests with nginx: ${reason}`)
  return false
}

export interface Nginx {
  readonly url: string
  /** What it has logged: requests and errors. */
  log(): Promise<string>
}

/** Starts nginx with deploy/nginx.conf in front of gateways. It ends with the test. */
export async function startNginx(gatewayUrls: readonly string[], atEnd: Ending = onTestFinished): Promise<Nginx> {
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-nginx-'))
  const port = await freePort()
  const conf = join(folder, 'nginx.conf')
  await writeFile(
    conf,
    adapt(await readFile(new URL('../../deploy/nginx.conf', import.meta.url), 'utf8'), { folder, port, gatewayUrls }),
  )
  // A file, because it opens /dev/stdout and /dev/stderr by name, which cannot be done with a socket.
  const logPath = join(folder, 'log')
  const logFile = await open(logPath, 'a')
  const log = () => readFile(logPath, 'utf8')
  const child = spawn(program ?? 'nginx', ['-p', folder, '-c', conf, '-g', 'daemon off;'], {
    stdio: ['ignore', logFile.fd, logFile.fd],
  })
  const exit = once(child, 'exit')
  atEnd(async () => {
    child.kill()
    await exit
    await logFile.close()
    await rm(folder, { recursive: true, force: true })
  })
  const url = `http://127.0.0.1:${port}`
  const answers = () =>
    fetch(`${url}/nothing`).then(
      (response) => response.arrayBuffer().then(() => response.status),
      () => 0,
    )
  await expect
    .poll(async () => (child.exitCode === null ? answers() : log()), { timeout: 10_000, interval: 20 })
    .toBe(404)
  return { url, log }
}

interface Place {
  readonly folder: string
  readonly port: number
  readonly gatewayUrls: readonly string[]
}

/** The file as it is, apart from its port, its folders, and how it finds the gateways, which is by Docker's name server. */
function adapt(text: string, { folder, port, gatewayUrls }: Place): string {
  const servers = gatewayUrls.map((url) => `server ${new URL(url).host};`).join(' ')
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  )
  const changes = [
    ['pid /tmp/nginx.pid;', `pid ${folder}/nginx.pid;`],
    ['http {', `http { ${temporary.join(' ')} upstream gateways { ${servers} }`],
    ['resolver 127.0.0.11 valid=2s ipv6=off;', ''],
    ['listen 4000;', `listen 127.0.0.1:${port};`],
    ['set $gateways gateway:4000;', 'set $gateways gateways;'],
  ] as const
  return changes.reduce((changed, [from, to]) => {
    expect(changed.split(from).length).toBe(2)
    return changed.replace(from, () => to)
  }, text)
}
