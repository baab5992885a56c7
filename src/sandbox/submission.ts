import { orderTypes, type OrderType } from './stems.ts'
import { maxOrderBytes } from './task-id.ts'
import { findTestTrack, type TestTrack } from './test-tracks.ts'

/** An error in the providers' form: HTTP 200 with this `code` in the body. */
export interface ApiError {
  readonly code: number
  readonly msg: string
}

/** A valid submit of an existing track. */
export interface Submission {
  readonly musicTaskId: string
  readonly audioId: string
  readonly track: TestTrack
  readonly type: OrderType
  readonly callbackUrl: string
}

const notFound: ApiError = { code: 422, msg: 'Record does not exist' }
/** For an audioId, in bytes: a task id stores its length in one byte. */
const maxIdLength = 128

function parseJsonObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
  } catch {
    return null
  }
}

function isHttpUrl(text: string): boolean {
  const protocol = URL.canParse(text) ? new URL(text).protocol : null
  return protocol === 'http:' || protocol === 'https:'
}

/** Whether a URL is below another one, with `..` resolved as the HTTP client will resolve it. */
function isBelow(url: string, base: string): boolean {
  return new URL(url).href.startsWith(new URL(base).href)
}

/**
 * Reads the body of `POST /api/v1/vocal-removal/generate`, as strictly as the providers document it.
 * @param callbacksUrl callback URLs must be below this one
 */
export function readSubmission(body: string, callbacksUrl: string): Submission | ApiError {
  const fields = parseJsonObject(body)
  if (fields === null) return { code: 400, msg: 'The parameter is not in a valid JSON format' }
  const { taskId, audioId, callBackUrl, type = 'separate_vocal' } = fields
  if (typeof taskId !== 'string' || taskId === '') return { code: 422, msg: 'Please enter taskId.' }
  if (typeof audioId !== 'string' || audioId === '') return { code: 422, msg: 'Please enter audioId.' }
  if (typeof callBackUrl !== 'string' || callBackUrl === '') return { code: 422, msg: 'Please enter callBackUrl.' }
  if (!isHttpUrl(callBackUrl)) return { code: 422, msg: 'callBackUrl must be an http or https URL.' }
  if (!isBelow(callBackUrl, callbacksUrl)) return { code: 422, msg: `callBackUrl must be below ${callbacksUrl}.` }
  const known = orderTypes.find((name) => name === type)
  if (known === undefined) return { code: 422, msg: `type must be one of ${orderTypes.join(', ')}.` }
  const track = findTestTrack(audioId)
  if (track === null || taskId.length > maxIdLength || Buffer.byteLength(audioId) > maxIdLength) return notFound
  if (Buffer.byteLength(audioId) + Buffer.byteLength(callBackUrl) > maxOrderBytes) {
    return { code: 422, msg: 'callBackUrl is too long.' }
  }
  return { musicTaskId: taskId, audioId, track, type: known, callbackUrl: callBackUrl }
}
