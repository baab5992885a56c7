import { isDeepStrictEqual } from 'node:util'

/** A task as stored: JSON with a format version. */
export type TaskDocument = Readonly<Record<string, unknown>>

/** The format version that this code writes. A row without a version has version 1. */
export const currentVersion = 6

/** Converts a document from its version to the next one. Never change a step after its release. */
const upgrades: Readonly<Record<number, (document: TaskDocument) => TaskDocument>> = {
  1: withResults,
  2: withHistory,
  3: withTrace,
  4: withArchive,
  5: withResolution,
}

/** Parses the JSON of a row and upgrades it to the current version. A document of a newer version is returned unchanged. */
export function readDocument(json: string): TaskDocument {
  let document = objectOf(JSON.parse(json))
  for (let version = versionOf(document); version < currentVersion; version += 1) {
    const upgrade = upgrades[version]
    if (upgrade === undefined) throw new TypeError(`Version ${version} of a stored task cannot be upgraded.`)
    document = { ...upgrade(document), version: version + 1 }
  }
  return document
}

/** The format version of a document. */
export function versionOf({ version }: TaskDocument): number {
  return typeof version === 'number' ? version : 1
}

/**
 * The document to write over one of a newer version: it keeps every unknown field, and replaces only the fields that this
 * version could read and has changed.
 * @param raw the stored document
 * @param read the document as this version read it
 * @param next the new document
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

/**
 * Stems are matched by their part, or by their label if the part is unknown, copies by the name of their stem, and events by what
 * happened when.
 */
function carryItemsOver(raw: readonly unknown[], read: readonly unknown[], next: readonly unknown[]): unknown[] {
  const nameOf = (item: unknown) => {
    if (!isObject(item)) return item
    // A copy in the archive.
    if (typeof item['stem'] === 'string') return item['stem']
    if (typeof item['kind'] === 'string') return `${item['kind']} ${String(item['atMs'])}`
    return item['part'] === 'other' ? `other ${String(item['label'])}` : item['part']
  }
  return next.map((item) => {
    const index = read.findIndex((each) => nameOf(each) === nameOf(item))
    return index < 0 ? item : carryOver(raw[index], read[index], item)
  })
}

/**
 * Version 1 to 2. Adds to results when they were found, to completion times whether the provider reported them, to URLs
 * when they were read, to stems the provider's id, and to tasks a shared provider task id.
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

/** Version 2 to 3. Adds the caller's reference, what happened to the task, when it last changed, when it is expected, and who sends it. */
function withHistory(document: TaskDocument): TaskDocument {
  const { foundAtMs, createdAtMs } = document
  const failure = isObject(document['failure']) ? document['failure'] : {}
  const updatedAtMs = foundAtMs ?? failure['atMs'] ?? createdAtMs
  return { ...document, reference: null, updatedAtMs, events: [], expectedAtMs: null, sendAttempt: null }
}

/** Version 3 to 4. Adds the request that ordered the task. */
function withTrace(document: TaskDocument): TaskDocument {
  return { ...document, trace: null }
}

/** Version 4 to 5. Adds what was archived. */
function withArchive(document: TaskDocument): TaskDocument {
  return { ...document, archive: null }
}

/** Version 5 to 6. Adds what the operator said about the charge. */
function withResolution(document: TaskDocument): TaskDocument {
  return { ...document, resolution: null }
}

function objectOf(value: unknown): TaskDocument {
  if (isObject(value)) return value
  throw new TypeError('A stored task is not an object.')
}

function isObject(value: unknown): value is TaskDocument {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
