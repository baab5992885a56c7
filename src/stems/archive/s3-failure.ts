import { S3ServiceError } from 's3mini'
import { ArchiveError } from './archive-storage.ts'

/** Does work on an S3 server. What it rejects with becomes an ArchiveError. */
export async function orArchiveError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof ArchiveError) throw error
    // Not the error itself: an answer may repeat the access key.
    throw new ArchiveError(describeFailure(error))
  }
}

function describeFailure(error: unknown): string {
  const answer = serviceErrorOf(error)
  if (answer !== null) {
    const code = /^\w{1,60}$/.test(answer.serviceCode ?? '') ? ` ${answer.serviceCode}` : ''
    return `The S3 server answers ${answer.status}${code}.`
  }
  return `The S3 server cannot be reached: ${codeOf(error) ?? 'the request failed'}.`
}

/** The code of an error or of what caused it, such as ECONNREFUSED. */
function codeOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null
  return 'code' in error && typeof error.code === 'string' ? error.code : codeOf(error.cause)
}

/** The server's refusal. The library wraps some of them. */
function serviceErrorOf(error: unknown): S3ServiceError | null {
  if (error instanceof S3ServiceError) return error
  return error instanceof Error && error.cause instanceof S3ServiceError ? error.cause : null
}

/** The status of the server's refusal; null for another error. */
export function statusOf(error: unknown): number | null {
  return serviceErrorOf(error)?.status ?? null
}

/** Whether the server does not have the file. A missing bucket is no missing file. */
export function isMissing(error: unknown): boolean {
  return statusOf(error) === 404 && serviceErrorOf(error)?.serviceCode !== 'NoSuchBucket'
}
