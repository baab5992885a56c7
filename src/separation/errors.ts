/** The store cannot read or write now. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError'
}

/** Only a newer version of the gateway understands the stored task. */
export class NewerTaskError extends StoreUnavailableError {}

/** The row of a stored task holds data that no version writes. */
export class DamagedTaskError extends Error {
  override readonly name = 'DamagedTaskError'
}

/** Whether the error concerns one stored task only, so that others can still be read. */
export function isSingleTaskError(error: unknown): error is NewerTaskError | DamagedTaskError {
  return error instanceof NewerTaskError || error instanceof DamagedTaskError
}

/** Another stored task is already bound to this provider task id. */
export class DuplicateBindingError extends Error {
  override readonly name = 'DuplicateBindingError'
}

/** The provider had to be asked and could not be read. */
export class ProviderUnreadableError extends Error {
  override readonly name = 'ProviderUnreadableError'
}

/** The request would have to ask the provider, and thereby might adopt a task, but may change nothing. */
export class AdoptionNotAllowedError extends Error {
  override readonly name = 'AdoptionNotAllowedError'
  constructor() {
    super(
      'You have no task with this id. To look it up at the provider, send the operation by POST: a GET changes nothing.',
    )
  }
}

/** A filter matches more tasks than can be sorted quickly. */
export class TooManyMatchesError extends Error {
  override readonly name = 'TooManyMatchesError'
  constructor(maxMatches: number) {
    super(
      `More than ${maxMatches} of your tasks have this \`reference\` or \`referencePrefix\`. Use a longer prefix, or ` +
        'filter by the whole `reference` without `audioId` and `musicTaskId`.',
    )
  }
}

/** The caller has looked up too many unknown ids. */
export class TooManyMissesError extends Error {
  override readonly name = 'TooManyMissesError'
  readonly retryAfterSeconds: number
  constructor(retryAfterSeconds: number) {
    super(`Too many unknown task ids. Try again in ${retryAfterSeconds} s.`)
    this.retryAfterSeconds = retryAfterSeconds
  }
}
