import type { PipelinedRequest } from './pipelined.ts'

/** A task that a forger would like to change, and what they may have got hold of. */
export interface Target {
  readonly provider: 'kie' | 'apikley'
  readonly taskId: string
  readonly providerTaskId: string
  readonly callBackUrl: string
  /** The callback that settled it, byte by byte; null while it is pending. */
  readonly accepted: PipelinedRequest | null
}

export interface Forgery {
  readonly kind: string
  readonly request: PipelinedRequest
}

/** A callback that would bring the task stems of the forger's. */
export function successOf({ providerTaskId }: Target): Buffer {
  return Buffer.from(
    JSON.stringify({
      code: 200,
      msg: 'forged',
      data: { task_id: providerTaskId, vocal_separation_info: { vocal_url: 'https://forger.example/vocal.mp3' } },
    }),
  )
}
