/** Tells the readers in waiting that a task has changed. Carries ids alone, and is a hint alone: the store is the truth. */
export interface Changes {
  publish(taskId: string): void
  /** Calls `listener` at every change of the task until the returned function is called. */
  listen(taskId: string, listener: () => void): () => void
}
