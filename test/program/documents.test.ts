import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { environmentSchema } from '../../src/config/environment.ts'

const guide = await readFile(new URL('../../docs/operator.md', import.meta.url), 'utf8')
const compose = await readFile(new URL('../../compose.yaml', import.meta.url), 'utf8')

/** The default of each variable in the operator's table. */
const documented = new Map(
  [...guide.slice(guide.indexOf('## Environment variables')).matchAll(/^\| `([A-Z0-9_]+)`\s*\| (.*?)\s*\|/gm)].map(
    ([, name = '', value = '']) => [name, value],
  ),
)
const known = Object.keys(environmentSchema.shape)

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

test('compose.yaml passes on every environment variable', () => {
  // The image sets HOST and PORT, and a key file needs its own volume.
  const unneeded = ['HOST', 'PORT', 'API_KEYS_FILE']
  const missing = known.filter((name) => !new RegExp(`^    ${name}: `, 'm').test(compose))
  expect(missing.toSorted()).toEqual(unneeded.toSorted())
})
