import { TypeID, typeid } from 'typeid-js'

const prefix = 'sep'

/** A new id of ours: a TypeID, sortable by the time it was made. */
export function newTaskId(): string {
  return typeid(prefix).toString()
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
