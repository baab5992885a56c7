import { request as httpRequest, type Agent, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'

export interface FileRequestOptions {
  readonly agent: Agent
  readonly headers: Readonly<Record<string, string>>
  /** How long the server may take to begin its answer, in milliseconds. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/**
 * Sends a GET and resolves to the answer, whose body has not been read. Rejects if the server cannot be reached, takes too
 * long, or if the signal aborts. A request that failed on a kept connection is sent once more: the server may just have closed it.
 */
export async function requestFile(url: URL, options: FileRequestOptions): Promise<IncomingMessage> {
  const first = await send(url, options)
  if ('answer' in first) return first.answer
  if (!first.isConnectionOld || options.signal.aborted) throw first.error
  const second = await send(url, options)
  if ('answer' in second) return second.answer
  throw second.error
}

type Sent = { readonly answer: IncomingMessage } | { readonly error: Error; readonly isConnectionOld: boolean }

function send(url: URL, { agent, headers, timeoutMs, signal }: FileRequestOptions): Promise<Sent> {
  return new Promise((resolve) => {
    const requestBy = url.protocol === 'https:' ? httpsRequest : httpRequest
    const request = requestBy(url, { agent, headers, signal })
    const timer = setTimeout(() => request.destroy(new Error('The file server did not answer in time.')), timeoutMs)
    request.once('response', (answer) => {
      clearTimeout(timer)
      // An error without a listener ends the process; whoever reads the body learns of it by its end.
      answer.on('error', () => {})
      resolve({ answer })
    })
    request.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      resolve({ error, isConnectionOld: request.reusedSocket && error.code === 'ECONNRESET' })
    })
    request.end()
  })
}
