import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { bugs } from '../suites/planted/bugs.ts'

// `npm run test:planted` takes long. This test fails quickly when a change of the code breaks a planted bug.
describe('a planted bug', () => {
  test.each(bugs.flatMap(({ name, edits }) => edits.map((edit) => ({ name, ...edit }))))(
    'replaces text that occurs exactly once in src/$file: $name',
    ({ file, from }) => {
      const text = readFileSync(new URL(`../../src/${file}`, import.meta.url), 'utf8')
      expect(text.split(from).length - 1).toBe(1)
    },
  )

  test.each([...new Set(bugs.flatMap(({ tests }) => tests))])('names an existing test file: %s', (name) => {
    expect(() => readFileSync(new URL(`../${name}.test.ts`, import.meta.url))).not.toThrow()
  })
})
