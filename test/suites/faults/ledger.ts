/** An order that the vendor accepted, and what it reports about it. */
export interface Charge {
  readonly providerTaskId: string
  readonly audioId: string
  readonly type: string
  readonly callBackUrl: string
  /** Our task id, as in the callback address. */
  readonly taskId: string
  readonly outcome: 'succeeded' | 'failed'
  /** The stem URLs under the names that record-info uses; none if the task failed. */
  readonly stems: Readonly<Record<string, string>>
  /** Whether the vendor sends a callback. */
  readonly callsBack: boolean
  /** When the work ends, by the clock of `performance.now()`. */
  doneAtMs: number
  /** Whether the gateway answered a callback with 200. */
  callbackTaken: boolean
  /** Whether the whole answer reached the gateway and the gateway lived to read it. */
  answerTaken: boolean
}

const taskIdForm = /sep_[0-9a-z]{26}/

/** Our id of a task in the text of an order or of a callback's address; empty if there is none. */
export function taskIdIn(text: string): string {
  return taskIdForm.exec(text)?.[0] ?? ''
}

/** The stems in a callback: `pianoUrl` is in record-info only. */
export function stemsInCallback({ stems }: Charge): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(stems).filter(([name]) => name !== 'pianoUrl'))
}
