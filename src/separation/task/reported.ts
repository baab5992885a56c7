/** Where a value comes from. record-info cannot be forged and knows more, so it takes precedence over callbacks. */
export type Source = 'callback' | 'record-info'

/** A value and its source. */
export interface Reported<T> {
  readonly value: T
  readonly by: Source
}
