import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { runCommand } from './run-command.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** What an image says of itself, as far as it is used here. */
const imageConfig = z.object({
  User: z.string(),
  Env: z.array(z.string()),
  Cmd: z.array(z.string()),
  WorkingDir: z.string(),
  Volumes: z.record(z.string(), z.unknown()),
  Labels: z.record(z.string(), z.string()),
  Healthcheck: z.object({ Test: z.tuple([z.literal('CMD')], z.string()) }),
})

/** An image whose files are in a folder. */
export interface Image {
  readonly config: z.infer<typeof imageConfig>
  readonly rootFolder: string
}

/**
 * Builds the image of the Dockerfile with buildah, with stand-ins for the images that it names, and mounts it.
 * @param folder is for everything that this writes
 */
export async function buildImage(folder: string): Promise<Image> {
  const policy = join(folder, 'policy.json')
  await writeFile(policy, '{"default":[{"type":"insecureAcceptAnything"}]}')
  const storage = ['--root', join(folder, 'images'), '--runroot', join(folder, 'run'), '--storage-driver', 'vfs']
  const buildah = (args: readonly string[], seconds = 120) => runCommand('buildah', [...storage, ...args], seconds)
  const commit = (container: string, image: string) =>
    buildah(['commit', '--quiet', '--signature-policy', policy, container, `docker.io/library/${image}`])

  const standIns = join(folder, 'stand-ins')
  await mkdir(standIns)
  await runCommand(join(root, 'test/suites/image/stand-ins.sh'), [standIns], 120)
  const names = await baseImages()
  const container = (await buildah(['from', 'scratch'])).trim()
  await buildah(['add', '--quiet', container, join(standIns, 'debian.tar'), '/'])
  await commit(container, names.base)
  await buildah(['copy', '--quiet', container, join(standIns, 'node'), '/'])
  await commit(container, names.node)
  await buildah(['rm', container])

  const npmrc = join(folder, 'npmrc')
  const [registry, cache] = await Promise.all(
    ['registry', 'cache'].map((name) => runCommand('npm', ['config', 'get', name], 30)),
  )
  const settings = ['cache=/npm-cache', 'cafile=/etc/ssl/certs/ca-certificates.crt', 'prefer-offline=true']
  await writeFile(npmrc, [`registry=${registry}`, ...settings, ''].join('\n'))
  const build = ['bud', '--isolation', 'chroot', '--signature-policy', policy, '--pull-never', '--format', 'docker']
  const inputs = ['--secret', `id=npmrc,src=${npmrc}`, '--volume', `${cache?.trim()}:/npm-cache`]
  await buildah([...build, ...inputs, '--build-arg', 'REVISION=of-a-test', '--tag', 'stemgate', root], 600)

  const { Docker } = z
    .object({ Docker: z.object({ config: imageConfig }) })
    .parse(JSON.parse(await buildah(['inspect', '--type', 'image', 'stemgate'])))
  const copy = (await buildah(['from', '--pull-never', '--signature-policy', policy, 'stemgate'])).trim()
  return { config: Docker.config, rootFolder: (await buildah(['mount', copy])).trim() }
}

/** The images that the Dockerfile builds on, without their registry and digest. */
async function baseImages(): Promise<{ readonly node: string; readonly base: string }> {
  const text = await readFile(join(root, 'Dockerfile'), 'utf8')
  const nameOf = (argument: string) => new RegExp(`^ARG ${argument}=([^@\\s]+)`, 'm').exec(text)?.[1] ?? ''
  return { node: nameOf('NODE_IMAGE'), base: nameOf('BASE_IMAGE') }
}
