import { orderTypes, type OrderType } from './stems.ts'
import { maxOrderBytes } from './task-id.ts'
import { findTestTrack, type TestTrack } from './test-tracks.ts'

/** An error as the provider puts it: HTTP 200 with this `code` in the body. */
export interface Refusal {
  readonly code: number
  readonly msg: string
}

/** A submit that is well-formed and names a track that exists. */
export interface Submission {
  readonly musicTaskId: string
  readonly audioId: string
  readonly track: TestTrack
  readonly type: OrderType
  readonly callbackUrl: string
}

const notFound: Refusal = { code: 422, msg: 'Record does not exist' }
/** For an audioId in bytes: its length has one byte in a task id. */
const maxIdLength = 128

function parseJsonObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
  } catch {
    return null
  }
}

function isWebAddress(text: string): boolean {
  const protocol = URL.canParse(text) ? new URL(text).protocol : null
  return protocol === 'http:' || protocol === 'https:'
}

/** Whether an address is below another one, as the client will read both: with `..` and the like resolved. */
function isBelow(address: string, base: string): boolean {
  return new URL(address).href.startsWith(new URL(base).href)
}

/**
 * Reads the body of `POST /api/v1/vocal-removal/generate`, as strictly as its page.
 * @param callbacksUrl where callbacks may go: below this address
 */
export function readSubmission(body: string, callbacksUrl: string): Submission | Refusal {
  const fields = parseJsonObject(body)
  if (fields === null) return { code: 400, msg: 'The parameter is not in a valid JSON format' }
  const { taskId, audioId, callBackUrl, type = 'separate_vocal' } = fields
  if (typeof taskId !== 'string' || taskId === '') return { code: 422, msg: 'Please enter taskId.' }
  if (typeof audioId !== 'string' || audioId === '') return { code: 422, msg: 'Please enter audioId.' }
  if (typeof callBackUrl !== 'string' || callBackUrl === '') return { code: 422, msg: 'Please enter callBackUrl.' }
  if (!isWebAddress(callBackUrl)) return { code: 422, msg: 'callBackUrl must be an http or https URL.' }
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
