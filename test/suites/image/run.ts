import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chown, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildImage } from './build-image.ts'
import { checkImage } from './check-image.ts'

// Builds the image of the Dockerfile and tries it. Says why if that is not possible on this machine.

const missing = ['buildah', 'dpkg', 'unshare', 'nsenter', 'setpriv', 'ip'].filter(
  (name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0,
)
const reason =
  missing.length > 0
    ? `${missing.join(', ')} missing`
    : process.getuid?.() !== 0
      ? 'needs root'
      : spawnSync('unshare', ['--mount', '--pid', '--net', '--fork', 'true']).status === 0
        ? null
        : 'may make no namespaces'
if (reason !== null) {
  console.log(`The image was not built: ${reason}.`)
} else {
  // In memory, where it can be: hundreds of megabytes are written and deleted.
  const folder = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'stemgate-image-'))
  try {
    const startedAt = performance.now()
    const image = await buildImage(folder)
    console.log(`The image was built in ${((performance.now() - startedAt) / 1_000).toFixed(0)} s.`)
    const data = join(folder, 'data')
    await mkdir(data)
    await chown(data, 1_000, 1_000)
    await checkImage(image, data)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
