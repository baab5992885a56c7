import { TypeID, typeid } from 'typeid-js'

/** The prefix of the ids of separation tasks. */
export const taskIdPrefix = 'sep'

/** A new task id: a TypeID, sortable by creation time. */
export function newTaskId(): string {
  return typeid(taskIdPrefix).toString()
}

/** When a task id was created, in milliseconds since 1970, by the clock of the gateway that created it; null for other ids. */
export function createdAtMsOf(id: string): number | null {
  // The UUID is of version 7, which begins with the time.
  return isTaskId(id)
    ? Number.parseInt(TypeID.fromString(id, taskIdPrefix).toUUID().replaceAll('-', '').slice(0, 12), 16)
    : null
}

/** The lowest task id of this time, in milliseconds since 1970: those of tasks that are created later are greater. */
export function firstTaskIdAt(atMs: number): string {
  const time = Math.max(0, Math.floor(atMs)).toString(16).padStart(12, '0')
  return TypeID.fromUUID(taskIdPrefix, `${time.slice(0, 8)}-${time.slice(8)}-0000-0000-000000000000`).toString()
}

/** Whether the text has the form of a task id. The task itself may not exist. */
export function isTaskId(text: string): boolean {
  if (!text.startsWith(`${taskIdPrefix}_`)) return false
  try {
    return TypeID.fromString(text, taskIdPrefix).toString() === text
  } catch {
    return false
  }
}
