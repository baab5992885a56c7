import { parseArgs } from 'node:util'
import { acceptedFile, checkSchema, schemaFile } from './schema/check-schema.ts'

const usage = `Says whether clients of the last release still work with ${schemaFile}.

  npm run check:schema

The last release is the last tag v* of this branch. Its schema and the operations in its
schema/operations are compared with the present schema. Without such a tag there is nothing to compare.

A field, argument, input field or enum value may be removed six months after it was deprecated,
if the last release has it deprecated. The reason has the form

  Since 2027-01-15: use \`another\` instead.

Every other breaking change must be listed in ${acceptedFile}, by the release and the
text that this program prints, with a reason:

  { "v0.1.0": { "SeparationTask.musicId was removed.": "No provider reports it." } }`

process.exitCode = await main()

async function main(): Promise<number> {
  try {
    if (parseArgs({ options: { help: { type: 'boolean', short: 'h' } } }).values.help === true) {
      console.log(usage)
      return 0
    }
  } catch {
    console.error(`The only option is --help.\n\n${usage}`)
    return 1
  }
  const { mistakes, notes } = await checkSchema('.', new Date().toISOString().slice(0, 10))
  for (const note of notes) console.log(note)
  if (mistakes.length === 0) return 0
  console.error(`${schemaFile} breaks clients:\n${mistakes.map((each) => `  - ${each}\n`).join('')}`)
  console.error('`npm run check:schema -- --help` says what is allowed.')
  return 1
}
