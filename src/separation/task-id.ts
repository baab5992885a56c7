import { TypeID, typeid } from 'typeid-js'

const prefix = 'sep'

/** A new id of ours: a TypeID, sortable by the time it was made. */
export function newTaskId(): string {
  return typeid(prefix).toString()
}

/** When an id of ours was made, in milliseconds since 1970, by the clock of the gateway that made it; null for any other id. */
export function madeAtMs(id: string): number | null {
  // Its UUID is of version 7, which begins with the time.
  return isTaskId(id)
    ? Number.parseInt(TypeID.fromString(id, prefix).toUUID().replaceAll('-', '').slice(0, 12), 16)
    : null
}

/** Whether the text has the form of an id of ours; whether there is such a task, only the store knows. */
export function isTaskId(text: string): boolean {
  if (!text.startsWith(`${prefix}_`)) return false
  try {
    return TypeID.fromString(text, prefix).toString() === text
  } catch {
    return false
  }
}
