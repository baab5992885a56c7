/** Notifies subscribers that a task has changed. A notification carries only an id, and may be lost: subscribers read the store. */
export interface Changes {
  publish(taskId: string): void
  /** Calls `listener` on every change of the task, until the returned function is called. */
  listen(taskId: string, listener: () => void): () => void
}
