import { readdir, readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { environmentSchema } from '../../src/config/environment.ts'
import { reloadableNames } from '../../src/config/reloadable.ts'
import { secretNames } from '../../src/config/secret-files.ts'
import { version } from '../../src/runtime/version.ts'

const guide = await readFile(new URL('../../docs/operator.md', import.meta.url), 'utf8')
const compose = await readFile(new URL('../../compose.yaml', import.meta.url), 'utf8')

/** The default of each variable in the operator's table. */
const documented = new Map(
  [...guide.slice(guide.indexOf('## Environment variables')).matchAll(/^\| `([A-Z0-9_]+)`\s*\| (.*?)\s*\|/gm)].map(
    ([, name = '', value = '']) => [name, value],
  ),
)
const known = Object.keys(environmentSchema.shape)
const isSecret = (name: string) => secretNames.some((each) => each === name)

test('the table for operators lists exactly the environment variables', () => {
  expect([...documented.keys()].toSorted()).toEqual(known.toSorted())
})

test('the table for operators lists the right defaults', () => {
  const defaults = Object.entries(environmentSchema.parse({})).flatMap(([name, value]) => {
    const isSimple = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    return isSimple ? [[name, `\`${value}\``] as const] : []
  })
  expect(defaults.length).toBeGreaterThan(15)
  expect(defaults.map(([name]) => [name, documented.get(name)])).toEqual(defaults)
})

test('the guide for operators lists the secrets that can be given in files', () => {
  const [, list = ''] = /^This works for (.*)\. API keys/m.exec(guide) ?? []
  expect([...list.matchAll(/`(\w+)`/g)].map(([, name]) => name)).toEqual(secretNames)
  const secrets = known.filter((name) => /_KEY$|SECRET|TOKEN|PASSWORD|_HEADERS$|^(DATABASE|REDIS)_URL$/.test(name))
  expect([...secretNames].toSorted()).toEqual(secrets.toSorted())
})

test('the guide for operators lists every check of --check-config', async () => {
  const folder = new URL('../../src/check-config/', import.meta.url)
  const sources = await Promise.all((await readdir(folder)).map((file) => readFile(new URL(file, folder), 'utf8')))
  const names = sources.flatMap((source) => [...source.matchAll(/\bname: '([\w-]+)'/g)].map(([, name = '']) => name))
  const text = guide.slice(guide.indexOf('## Check the configuration'), guide.indexOf('## Stop and signals'))
  expect(names.length).toBeGreaterThan(8)
  expect([...names, 'kie', 'apikley', 'sunoapi'].filter((name) => !text.includes(`\`${name}\``))).toEqual([])
})

test('the guide for operators lists the settings that change without a restart', () => {
  const [, list = ''] = /^- These settings change at once: (.*), and the secrets/m.exec(guide) ?? []
  const settings = [...list.matchAll(/`(\w+)`/g)].map(([, name]) => name)
  expect(settings).toEqual(reloadableNames.filter((name) => !isSecret(name)))
  expect(reloadableNames.filter((name) => !known.includes(name))).toEqual([])
})

test('the program says the version of its package', async () => {
  const { version: packaged } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))
  expect(version).toBe(packaged)
})

test('compose.yaml passes on every environment variable', () => {
  // The image sets HOST and PORT, a key file needs its own volume, and each gateway has its own instance.
  const unneeded = ['HOST', 'PORT', 'API_KEYS_FILE', 'LOG_INSTANCE']
  const missing = known.filter((name) => !new RegExp(`^    ${name}: `, 'm').test(compose))
  expect(missing.toSorted()).toEqual(unneeded.toSorted())
})
