/** Notifies subscribers that a task has changed. A notification carries only ids, and may be lost: subscribers read the store. */
export interface Changes {
  /** @param owner the task's owner; undefined if it is not known, so that the listeners of every owner are called */
  publish(taskId: string, owner?: string): void
  /** Calls `listener` on every change of the task, until the returned function is called. */
  listen(taskId: string, listener: () => void): () => void
  /** Calls `listener` on every change of a task that may be the owner's, until the returned function is called. */
  listenToOwner(owner: string, listener: OwnerListener): () => void
  /** Whether changes at other gateways are heard now. Never rejects. */
  hearsOthers(): Promise<boolean>
}

/** @param taskId a task that has changed and may be the owner's; null: any of the owner's tasks may have changed */
export type OwnerListener = (taskId: string | null) => void
