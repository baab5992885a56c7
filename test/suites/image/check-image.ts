import assert from 'node:assert/strict'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Image } from './build-image.ts'
import { startContainer, type Container } from './container.ts'
import { runCommand } from './run-command.ts'

const environment = { SANDBOX: 'true', ALLOW_ANONYMOUS: 'true', SANDBOX_DELAY_MS: '0', PORT: '4123' }
/** Megabytes below /app. Before an image contained only what it needs, they were 39. */
const largestMegabytes = 16

const order = `
const ask = async (query) => {
  const answer = await fetch('http://127.0.0.1:4123/graphql', {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ query }),
  })
  return answer.json()
}
const stems = 'id status allStems { url }'
const { data, errors } = await ask('mutation { separate(input: { provider: SANDBOX, musicTaskId: "m", audioId: "done" }, waitSeconds: 20) { ... on SeparateSuccess { task { ' + stems + ' } } } }')
if (errors) throw new Error(JSON.stringify(errors))
const task = data.separate.task
const file = await fetch(task.allStems[0].url.replace(/^http:..[^/]+/, 'http://127.0.0.1:4123'))
const bytes = (await file.arrayBuffer()).byteLength
const again = (await ask('{ separation(taskId: "' + task.id + '") { ' + stems + ' } }')).data.separation
const totals = (await ask('{ separations(first: 1) { totalCount } }')).data.separations
console.log(JSON.stringify({ status: task.status, again: again.status, file: file.status, hasBytes: bytes > 1000, ...totals }))`

/**
 * Runs an image and checks what operators rely on: rights, health check, order, programs, stop, and that the data outlive it.
 * @throws with what is wrong
 */
export async function checkImage(image: Image, dataFolder: string): Promise<void> {
  const { config, rootFolder } = image
  const megabytes = await sizes(rootFolder)
  console.log(`Megabytes: ${JSON.stringify(megabytes)}`)
  assert(megabytes.app < largestMegabytes, `/app has ${megabytes.app} MB.`)
  assert.equal(config.User, '1000:1000')
  assert.equal(config.Labels['org.opencontainers.image.revision'], 'of-a-test')
  const { version } = JSON.parse(await readFile(join(rootFolder, 'app/package.json'), 'utf8'))
  assert.equal(config.Labels['org.opencontainers.image.version'], version)

  const container = await startContainer(image, dataFolder, environment)
  await checkRights(container, dataFolder)
  const [, ...health] = config.Healthcheck.Test
  await container.exec(health)
  await assert.rejects(container.exec(health, { PORT: '4999' }), 'The health check finds a gateway that does not run.')
  await checkPrograms(container, rootFolder)
  const result = { status: 'SUCCESS', again: 'SUCCESS', file: 200, hasBytes: true }
  const orderOnce = async (each: Container) =>
    JSON.parse(await each.exec(['node', '--input-type=module', '--eval', order]))
  assert.deepEqual(await orderOnce(container), { ...result, totalCount: 1 })
  await container.exec(['node', 'dist/backup/main.js', '--to', 'data/copy.db'])
  await checkStop(container)

  const next = await startContainer(image, dataFolder, environment)
  // Joins the task of the container before.
  assert.deepEqual(await orderOnce(next), { ...result, totalCount: 1 })
  await checkStop(next)
  console.log('The image runs: rights, health check, order, programs, backup, stop and restart are as they should be.')
}

async function checkRights(container: Container, dataFolder: string): Promise<void> {
  const status = await readFile(`/proc/${container.pid}/status`, 'utf8')
  const valueOf = (name: string) => new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)?.[1]?.replaceAll('\t', ' ')
  assert.equal(valueOf('Uid'), '1000 1000 1000 1000')
  assert.equal(valueOf('CapEff'), '0000000000000000')
  assert.equal(valueOf('NSpid')?.split(' ').at(-1), '1')
  assert.equal((await container.exec(['id', '--user', '--name'])).trim(), 'node')
  await assert.rejects(container.exec(['touch', '/app/dist/main.js']), 'The gateway can change its code.')
  await assert.rejects(container.exec(['touch', '/etc/new']), 'The file system can be written to.')
  await assert.rejects(container.exec(['npm', '--version']), 'The image contains npm.')
  const file = await stat(join(dataFolder, 'stemgate.db'))
  assert.deepEqual({ uid: file.uid, mode: file.mode & 0o777 }, { uid: 1_000, mode: 0o600 })
}

async function checkPrograms(container: Container, rootFolder: string): Promise<void> {
  const dist = join(rootFolder, 'app/dist')
  const all = await readdir(dist, { recursive: true })
  const programs = all.filter((path) => /(^|\/)main\.js$/.test(path))
  assert(programs.length >= 3, `The image contains ${programs.join(', ')}.`)
  for (const program of programs) {
    assert.match(await container.exec(['node', `dist/${program}`, '--help']), /^Usage: /m)
  }
  const checks = JSON.parse(await container.exec(['node', 'dist/main.js', '--check-config', '--json']))
  assert.equal(checks.ok, true)
}

async function checkStop(container: Container): Promise<void> {
  const { code, seconds } = await container.stop()
  assert.equal(code, 0, `The exit code is ${code}:\n${container.output()}`)
  assert(seconds < 10, `The stop took ${seconds} s.`)
}

/** What takes how many megabytes in an image. */
async function sizes(rootFolder: string) {
  const of = async (path: string) => {
    const [kilobytes = ''] = (await runCommand('du', ['-sxk', join(rootFolder, path)], 30)).split('\t')
    return Math.round(Number(kilobytes) / 1_024)
  }
  const [all, app, node] = await Promise.all(['.', 'app', 'usr/local/bin/node'].map(of))
  return { all: all ?? 0, node: node ?? 0, app: app ?? 0 }
}
