import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { environmentSchema } from '../../src/config/environment.ts'

const guide = await readFile(new URL('../../docs/operator.md', import.meta.url), 'utf8')
const compose = await readFile(new URL('../../compose.yaml', import.meta.url), 'utf8')

/** The operator's table: the default of each variable, as it is written there. */
const documented = new Map(
  [...guide.slice(guide.indexOf('## Environment variables')).matchAll(/^\| `([A-Z0-9_]+)`\s*\| (.*?)\s*\|/gm)].map(
    ([, name = '', given = '']) => [name, given],
  ),
)
const known = Object.keys(environmentSchema.shape)

test('every environment variable is in the table for operators, and no other', () => {
  expect([...documented.keys()].toSorted()).toEqual(known.toSorted())
})

test('the table for operators has the right defaults', () => {
  const defaults = Object.entries(environmentSchema.parse({})).flatMap(([name, value]) => {
    const isSimple = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    return isSimple ? [[name, `\`${value}\``] as const] : []
  })
  expect(defaults.length).toBeGreaterThan(15)
  expect(defaults.map(([name]) => [name, documented.get(name)])).toEqual(defaults)
})

test('compose.yaml passes every environment variable on', () => {
  // The image sets HOST and PORT, and a file of keys needs a volume of its own.
  const needless = ['HOST', 'PORT', 'API_KEYS_FILE']
  const missing = known.filter((name) => !new RegExp(`^    ${name}: `, 'm').test(compose))
  expect(missing.toSorted()).toEqual(needless.toSorted())
})
