import { parseArgs } from 'node:util'
import { bugs } from './bugs.ts'
import { copyRepository } from './planted-copy.ts'

// `--only <part of a name>` plants only the matching bugs.
const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } })
const planted = bugs.filter(({ name }) => name.includes(values.only))
if (planted.length === 0) throw new Error(`No planted bug has "${values.only}" in its name.`)

const copy = await copyRepository()
const surviving: string[] = []
try {
  // Bugs that no longer fit the code are reported before anything runs.
  for (const { edits } of planted) await (await copy.plant(edits))()
  const tests = [...new Set(planted.flatMap((bug) => bug.tests))]
  const sound = await copy.run(tests)
  console.log(`Without a bug: ${sound.passed} tests pass, ${sound.failed.length} fail (${tests.join(', ')})`)
  if (sound.passed === 0) throw new Error('No test ran without a bug.')
  if (sound.failed.length > 0) throw new Error(`The tests must pass without a bug: ${sound.failed.join('; ')}`)

  for (const bug of planted) {
    const by = await caughtBy(bug)
    if (by === null) surviving.push(bug.name)
    console.log(`${by === null ? 'SURVIVES' : 'caught  '}  ${bug.name.padEnd(60)} ${by ?? bug.tests.join(', ')}`)
  }
} finally {
  await copy.remove()
}
console.log(`${planted.length - surviving.length} caught of ${planted.length} planted`)
process.exitCode = surviving.length > 0 ? 1 : 0

/** The first test that fails with the bug; null if none does. */
async function caughtBy({ edits, tests }: (typeof bugs)[number]): Promise<string | null> {
  const uproot = await copy.plant(edits)
  try {
    for (const name of tests) {
      const { failed } = await copy.run([name])
      if (failed.length > 0)
        return `${name}: ${failed[0] ?? ''}${failed.length > 1 ? ` (and ${failed.length - 1} more)` : ''}`
    }
    return null
  } finally {
    await uproot()
  }
}
