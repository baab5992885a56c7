/** Reads a value for each id; no entry for an unknown id. */
export type ReadByIds<T> = (ids: readonly string[]) => Promise<ReadonlyMap<string, T>>

/** Joins the reads of one turn of the event loop into one. It begins after the last of these calls, so none gets older values. */
export function batchTurn<T>(read: ReadByIds<T>): ReadByIds<T> {
  let batch: { readonly ids: Set<string>; readonly values: Promise<ReadonlyMap<string, T>> } | null = null

  function begin() {
    const ids = new Set<string>()
    const values = new Promise((resolve) => setImmediate(resolve)).then(() => {
      batch = null
      return read([...ids])
    })
    return { ids, values }
  }

  return async function readInBatch(ids) {
    batch ??= begin()
    for (const id of ids) batch.ids.add(id)
    const values = await batch.values
    return new Map(
      [...new Set(ids)].flatMap((id) => {
        const value = values.get(id)
        return value === undefined ? [] : [[id, value] as const]
      }),
    )
  }
}
