import { isDeepStrictEqual } from 'node:util'

/** A task as it stands in its row: JSON with the version of its form. */
export type TaskDocument = Readonly<Record<string, unknown>>

/** The version of the form that this code writes. A row without one is of version 1. */
export const currentVersion = 2

/** What brings a document from its version to the next. Written once for each version, and never changed afterwards. */
const steps: Readonly<Record<number, (document: TaskDocument) => TaskDocument>> = {
  1: withResults,
}

/** Reads the JSON of a row and brings it to the current form. One of a later version stays as it is. */
export function readDocument(json: string): TaskDocument {
  let document = objectOf(JSON.parse(json))
  for (let version = versionOf(document); version < currentVersion; version += 1) {
    const step = steps[version]
    if (step === undefined) throw new TypeError(`There is no step from version ${version} of a stored task.`)
    document = { ...step(document), version: version + 1 }
  }
  return document
}

/** The version of a document's form. */
export function versionOf({ version }: TaskDocument): number {
  return typeof version === 'number' ? version : 1
}

/**
 * What is to be written in place of a document that a later version wrote: all that is in it, and of that what changed. Only
 * what was understood and is different now is replaced.
 * @param raw what stands in the row
 * @param read how it was understood
 * @param next what it is to be
 */
export function carryOver(raw: unknown, read: unknown, next: unknown): unknown {
  if (isDeepStrictEqual(read, next)) return raw
  if (Array.isArray(raw) && Array.isArray(read) && Array.isArray(next)) return carryItemsOver(raw, read, next)
  if (!isObject(raw) || !isObject(read) || !isObject(next)) return next
  const unknown = Object.keys(raw).filter((key) => !(key in read))
  return Object.fromEntries([
    ...unknown.map((key) => [key, raw[key]]),
    ...Object.keys(next).map((key) => [key, key in read ? carryOver(raw[key], read[key], next[key]) : next[key]]),
  ])
}

/** A stem is the same while its part is, or its label where the part is not known. */
function carryItemsOver(raw: readonly unknown[], read: readonly unknown[], next: readonly unknown[]): unknown[] {
  const nameOf = (item: unknown) => {
    if (!isObject(item)) return item
    return item['part'] === 'other' ? `other ${String(item['label'])}` : item['part']
  }
  return next.map((item) => {
    const index = read.findIndex((each) => nameOf(each) === nameOf(item))
    return index < 0 ? item : carryOver(raw[index], read[index], item)
  })
}

/**
 * 1 to 2: results, whole or partial, know when they were found; times whether they were reported; addresses when they were
 * read; stems by which id the provider knows them; an order may share its provider's id.
 */
function withResults(document: TaskDocument): TaskDocument {
  const { emptySinceMs, ...rest } = document
  const order = { ...rest, sharedProviderTaskId: null, isCreatedAtKnown: true }
  switch (document['state']) {
    case 'pending':
      return { ...order, partial: null, incompleteSinceMs: emptySinceMs ?? null }
    case 'succeeded': {
      const completedAt = objectOf(document['completedAtMs'])
      const stems = Array.isArray(document['stems']) ? document['stems'].map(objectOf) : []
      return {
        ...order,
        stems: stems.map((stem) => ({
          originId: null,
          ...stem,
          url: { ...objectOf(stem['url']), atMs: completedAt['value'] },
        })),
        completedAtMs: { ...completedAt, isReported: completedAt['by'] === 'record-info' },
        foundAtMs: completedAt['value'],
      }
    }
    default:
      return order
  }
}

function objectOf(value: unknown): TaskDocument {
  if (isObject(value)) return value
  throw new TypeError('A stored task is not an object.')
}

function isObject(value: unknown): value is TaskDocument {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
