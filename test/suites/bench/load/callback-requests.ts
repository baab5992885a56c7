import { createCallbackAddresses } from '../../../../src/separation/callback/callback-address.ts'
import type { PendingTask } from '../../../../src/separation/task/task.ts'
import { callbackSecret } from '../servers/bench-gateway.ts'
import { postRequest } from './connection.ts'
import { callbackOfAllStems } from './provider-answers.ts'

const addresses = createCallbackAddresses({ publicUrl: () => 'http://gateway', secrets: () => [callbackSecret] })

/** The request by which the provider reports that a task is done. */
export function callbackRequest(task: PendingTask): Buffer {
  const { pathname } = new URL(addresses.urlOf(task))
  return postRequest(pathname, callbackOfAllStems(task.providerTaskId ?? ''))
}
