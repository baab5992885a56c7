/** A change as one gateway tells it to the others. */
export interface ChangeMessage {
  /** The id of the gateway that tells it: a UUID. */
  readonly from: string
  readonly taskId: string
  /** The task's owner; undefined if the gateway does not know it, or is of a version that does not tell it. */
  readonly owner: string | undefined
}

/** Instead of a task id: any task may have changed. */
export const anyTask = '*'

/**
 * `<gateway id> <task id>`, which every version understands, or `<gateway id>_<owner> <task id>` with the owner in base64url.
 * Earlier versions take all of its first word for the id of the gateway.
 */
export function changeMessage({ from, taskId, owner }: ChangeMessage): string {
  const sender = owner === undefined ? from : `${from}_${Buffer.from(owner).toString('base64url')}`
  return `${sender} ${taskId}`
}

/** null if the message is none of ours. */
export function parseChangeMessage(message: string): ChangeMessage | null {
  const [, from, owner, taskId] = /^([\da-z-]+)(?:_([\w-]*))? ([\w-]+|\*)$/i.exec(message) ?? []
  if (from === undefined || taskId === undefined) return null
  return { from, taskId, owner: owner === undefined ? undefined : Buffer.from(owner, 'base64url').toString() }
}
