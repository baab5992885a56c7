/** An order that the vendor took, and what it says of it. */
export interface Charge {
  readonly providerTaskId: string
  readonly audioId: string
  readonly type: string
  readonly callBackUrl: string
  /** Our id of the task, as it stands in the callback's address. */
  readonly taskId: string
  readonly outcome: 'succeeded' | 'failed'
  /** The stems' addresses, under the names that record-info uses; none if it failed. */
  readonly stems: Readonly<Record<string, string>>
  /** Whether the vendor says so by itself. */
  readonly callsBack: boolean
  /** When the work is done, by the clock of `performance.now()`. */
  doneAtMs: number
  /** Whether the gateway answered a callback with 200. */
  callbackTaken: boolean
  /** Whether the answer came to the gateway whole, and it lived to read it. */
  answerTaken: boolean
}

const taskIdForm = /sep_[0-9a-z]{26}/

/** Our id of a task in the text of an order or of a callback's address; empty if there is none. */
export function taskIdIn(text: string): string {
  return taskIdForm.exec(text)?.[0] ?? ''
}

/** What a callback names of the stems: `pianoUrl` stands in record-info only. */
export function stemsInCallback({ stems }: Charge): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(stems).filter(([name]) => name !== 'pianoUrl'))
}
