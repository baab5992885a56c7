import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'graphql'
import { z } from 'zod'
import { compareSchemas } from './compare-schemas.ts'
import { findDeprecations, removableFrom, type Deprecation } from './deprecations.ts'
import { readLastRelease } from './last-release.ts'

export const schemaFile = 'schema/schema.graphql'
export const acceptedFile = 'schema/accepted-changes.json'

export interface SchemaCheck {
  /** What must be corrected. Empty: the schema may be released. */
  readonly mistakes: readonly string[]
  /** What is good to know. */
  readonly notes: readonly string[]
}

/** The reason for each breaking change that is made on purpose, by the release that it breaks away from. */
const acceptedChanges = z.record(z.string(), z.record(z.string(), z.string().min(1)))

/** Compares the schema in a folder with that of the last release, and checks the reasons of what is deprecated. */
export async function checkSchema(folder: string, today: string): Promise<SchemaCheck> {
  const schema = parse(await readFile(join(folder, schemaFile), 'utf8'))
  const deprecated = findDeprecations(schema)
  const badReasons = deprecated
    .filter(({ since }) => since === null)
    .map(
      ({ name, reason }) =>
        `${name} is deprecated with the reason "${reason}". Write "Since <day>: <what to use instead>".`,
    )
  const release = await readLastRelease(folder)
  if ('missing' in release) {
    return { mistakes: badReasons, notes: [`The schema is not compared: ${release.missing}.`] }
  }

  const before = { schema: parse(release.schema), operations: release.operations }
  const { breaking, noticeable } = compareSchemas(before, schema, today)
  const accepted = (await readAccepted(folder))[release.tag] ?? {}
  const unknown = Object.keys(accepted).filter((change) => !breaking.includes(change))
  const earlier = findDeprecations(before.schema)
  return {
    mistakes: [
      ...badReasons,
      ...findPredated(deprecated, earlier, release.day),
      ...breaking.filter((change) => !(change in accepted)),
      ...unknown.map(
        (change) => `${acceptedFile} lists "${change}", which is not a breaking change since ${release.tag}.`,
      ),
    ],
    notes: [
      `Compared with ${release.tag}.`,
      ...breaking.filter((change) => change in accepted).map((change) => `Accepted: ${change} ${accepted[change]}`),
      ...noticeable.map((change) => `Clients must expect: ${change}`),
      ...earlier.flatMap(({ name, since }) =>
        since === null ? [] : [`${name} is deprecated since ${since} and may be removed from ${removableFrom(since)}.`],
      ),
    ],
  }
}

/** Dates of deprecations that are earlier than the release that first had them. */
function findPredated(now: readonly Deprecation[], earlier: readonly Deprecation[], releaseDay: string): string[] {
  const known = new Map(earlier.map(({ name, since }) => [name, since]))
  return now.flatMap(({ name, since }) => {
    const earliest = known.get(name) ?? releaseDay
    return since === null || since >= earliest
      ? []
      : [`${name} is deprecated since ${since}, but clients cannot have known before ${earliest}.`]
  })
}

async function readAccepted(folder: string): Promise<z.infer<typeof acceptedChanges>> {
  return acceptedChanges.parse(JSON.parse(await readFile(join(folder, acceptedFile), 'utf8')))
}
