import { lstat, readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import type { Figure } from './figure.ts'

const root = fileURLToPath(new URL('../../../../', import.meta.url))
const lockSchema = z.object({ packages: z.record(z.string(), z.object({ dev: z.boolean().default(false) })) })
const blockBytes = 512

export const size: Figure = {
  name: 'size',
  about: 'what an installation takes on disk: the build and the packages that production needs',
  async measure({ program }) {
    const { packages } = lockSchema.parse(JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')))
    const production = Object.entries(packages).flatMap(([path, { dev }]) =>
      path === '' || dev ? [] : [join(root, path)],
    )
    const bytes = await Promise.all([dirname(program), ...production].map(diskBytes))
    return [
      {
        name: 'installed size',
        unit: 'MB on disk',
        better: 'less',
        gateway: [bytes.reduce((sum, each) => sum + each, 0) / 1e6],
        limit: null,
        peers: [],
        goal: { of: 'value', bound: 'at most', value: 40 },
        notes: [`${production.length} packages and the folder of the build, as du counts them.`],
      },
    ]
  },
}

/** The bytes of a folder on disk, without the packages in it, which have entries of their own; 0 if it is missing. */
async function diskBytes(path: string): Promise<number> {
  const stats = await lstat(path).catch(() => null)
  if (stats === null) return 0
  const own = stats.blocks * blockBytes
  if (!stats.isDirectory()) return own
  const names = (await readdir(path)).filter((name) => name !== 'node_modules')
  const inside = await Promise.all(names.map((name) => diskBytes(join(path, name))))
  return inside.reduce((sum, each) => sum + each, own)
}
